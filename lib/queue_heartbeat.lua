-- A worker lives. Those that have not been heard of for long are forgotten.
--
-- KEYS  workers
-- ARGV  name, ms after which others are forgotten

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local flat = redis.call('HGETALL', KEYS[1])

for i = 1, #flat, 2 do
	if (tonumber(flat[i + 1]) or 0) < now - tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], flat[i]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now))
return now
