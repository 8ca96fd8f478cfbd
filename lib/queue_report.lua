-- How calls of a vendor ended, for its breaker (see queue_breaker.lua).
--
-- KEYS  breaker
-- ARGV  the breaker's rules (6), since, successes, failures, connect_row, connected (1 or 0), entry id of the probe
--       ('': no probe), the channel for wake-ups, the vendor
-- Gives {the new state or '', why it opened}

local rules, b = breaker_rules(ARGV, 1), breaker_load(KEYS[1])
local successes, failures, probe = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[12]
local t = redis.call('TIME')
local now, random = t[1] * 1000 + t[2] / 1000, t[2] % 1000 / 1000   -- the microseconds are jitter enough
local changed

if probe ~= '' then
	local verdict = failures > 0 and 'failure' or successes > 0 and 'success' or 'none'
	changed = breaker_probed(rules, b, now, probe, verdict, random)
else
	local report = { since = tonumber(ARGV[7]), successes = successes, failures = failures,
		connect_row = tonumber(ARGV[10]), connected = ARGV[11] == '1' }
	changed = breaker_count(rules, b, now, report, random)
end
breaker_save(KEYS[1], b)
-- What waited may go at once, from any worker.
if changed == 'closed' then redis.call('PUBLISH', ARGV[13], ARGV[14]) end
return { changed or '', b.reason }
