-- Calls reached the vendor later than their grants were good for: they count once more, as of now.
--
-- Until they were written nobody knew. What they were counted for ends too early by as much as they were late, so if
-- this comes before that end no window that the vendor sees has a call too many; counted twice for the time between,
-- they cost some of the limit.
--
-- KEYS  rate_limit
-- ARGV  n

local hash, n = KEYS[1], tonumber(ARGV[1])
local now = now_us() / 1000
local limits = limits_stored(hash_get(hash), {}, now)

for _, l in pairs(limits) do limit_spend(l, now, 0, n, 0) end
limits_save(hash, limits, {})
return 1
