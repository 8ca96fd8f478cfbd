-- Leaves the vendor alone for a while. A hold is never shortened by a later one.
--
-- KEYS  rate_limit
-- ARGV  ms

local t = redis.call('TIME')
local hold_until = t[1] * 1000 + math.ceil(t[2] / 1000) + tonumber(ARGV[1])

if hold_until > tonumber(redis.call('HGET', KEYS[1], 'hold_until') or 0) then
	redis.call('HSET', KEYS[1], 'hold_until', string.format('%.0f', hold_until))
end
return 1
