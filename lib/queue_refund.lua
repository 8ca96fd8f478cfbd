-- Calls that were granted did not leave and never will: they no longer count, where that is safe (see
-- queue_limiter.lua).
--
-- KEYS  rate_limit
-- ARGV  n, time of the grant as queue_take.lua gave it (us)

local hash, n, granted = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]) / 1000
local now = now_us() / 1000
local stored = hash_get(hash)

-- Granted before the limiter was started: its call may not be in the counts.
if granted < (tonumber(stored.begun_at) or math.huge) then return 0 end
local limits = limits_stored(stored, {}, now)
for _, l in pairs(limits) do limit_refund(l, now, granted, n) end
limits_save(hash, limits, {})
return 1
