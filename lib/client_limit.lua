-- May a client of the API make one more request? A token bucket as GCRA (ITU-T I.371): all that is kept is the time at
-- which the bucket is full again.
--
-- KEYS  client_limit:{client}
-- ARGV  requests, ms in which the bucket fills
-- Gives 1 or 0 (not now), requests that are left, us until the bucket is full, us until the next is allowed

local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local requests, fills = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
local each = fills / requests
local full = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now)
local next = full + each

if next - now > fills + 1 then return {0, 0, math.ceil(full - now), math.ceil(next - now - fills)} end
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000) + 1)
return {1, math.floor((fills - (next - now)) / each + 0.001), math.ceil(next - now), 0}
