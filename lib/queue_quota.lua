-- For how long a quota of the vendor is used up. Changes nothing.
--
-- KEYS  rate_limit
-- ARGV  number of limits, then calls, per_ms, burst, starts of each
-- Gives ms; 0: there are calls left, or nothing is known yet.

local now = now_us() / 1000
local wait = 0

for _, l in pairs(limits_stored(hash_get(KEYS[1]), limits_wanted(ARGV, 1), now)) do
	if l.own and is_quota(l) and limit_free(l, now, 0) < 1 then wait = math.max(wait, limit_wait(l, now, 0), 1) end
end
return math.ceil(wait)
