-- Starts a vendor's limiter under this run of Redis.
--
-- KEYS  rate_limit
-- ARGV  run_id, fresh (1: the vendor was never called before), number of limits, then calls, per_ms, burst
--       of each
-- Gives 1, or 0 if it has been started by somebody else.
--
-- Not fresh: what was called lately is not known (Redis restarted, was wiped, restored or failed over), so
-- every limit starts used up, beside whatever of an older run is still stored. Only long windows (quotas) of
-- an older run are kept as they are instead of being closed for hours: Redis has lost at most the last second
-- or two of its append-only file, and so many calls may be missing from the count. A backup that is older
-- lacks all since; whoever restores one deletes rate_limit:{vendor}, and the quota starts used up.

local hash, run_id, fresh = KEYS[1], ARGV[1], ARGV[2] == '1'
local now = now_us() / 1000
local stored = hash_get(hash)

if stored.run_id == run_id then return 0 end

local wanted = limits_wanted(ARGV, 3)
local limits, gone = limits_stored(stored, wanted, now)
if fresh then
	for key, calls in pairs(wanted) do
		local l = limits[key] or limit_new(key, now)
		l.own, l.calls, l.changed, limits[key] = true, calls, true, l
	end
else
	local known = stored.run_id ~= nil
	if known then limits_add_new(limits, wanted, now) end
	for key in pairs(wanted) do limits[key] = limits[key] or limit_new(key, now) end
	for _, l in pairs(limits) do
		l.changed = true
		if l.bucket or not known or l.per <= LONG_WINDOW_MS then limit_fill(l, now) end
	end
end
limits_save(hash, limits, gone)
redis.call('HSET', hash, 'run_id', run_id, 'begun_at', string.format('%.3f', now))
return 1
