-- The circuit breaker of one vendor: what breaker:{vendor} holds, and its arithmetic. Not a script: C puts this
-- text in front of queue_take.lua and queue_report.lua. All times are ms of Redis TIME; `now` always comes in.
--
--   closed     calls go out, and how they end is counted in a window. Too many failures, or too many connections
--              in a row that could not be opened: open
--   open       nothing goes out until open_until
--   half_open  a few calls go out: probes, each leased by its entry id. Enough of them went well: closed. One
--              failed: open, for longer. One that nobody reports (its worker was killed) is forgotten when its
--              lease is over, and another may go
--
-- Fields of the hash, which has no TTL (it must not be one of those that volatile-lru may evict):
--   state        'closed', 'open' or 'half_open'; no hash: closed
--   since        ms; when it last changed. Also the name of this spell: a call is counted in the spell in which it
--                was granted or not at all, so that one that was out while the breaker opened cannot open it again
--                after it was closed. Grows with each change
--   open_until   ms
--   opens        how often it has opened since it was last closed
--   reason       why it last opened
--   connect_row  connections that could not be opened, the last so many in a row
--   window       cmsgpack array {1, start, successes, failures, start, successes, failures, ...}
--   probes       cmsgpack array {1, successes, entry id, lease end, entry id, lease end, ...}
-- The leading 1 is the format's version; what cannot be read is empty.

local BREAKER_VERSION = 1
local BREAKER_SLOTS = 10        -- of a window: what is older than it, less one slot, may be forgotten already
local BREAKER_GROWS_TO = 8      -- times the time that it is open for at first
local BREAKER_FIELDS = { 'state', 'since', 'open_until', 'opens', 'reason', 'connect_row', 'window', 'probes' }

-- argv[first] and the five after it.
local function breaker_rules(argv, first)
	local r = {}
	for i, name in ipairs({ 'ratio', 'min_calls', 'window', 'open', 'probes', 'connect_failures' }) do
		r[name] = tonumber(argv[first + i - 1])
	end
	r.ratio = r.ratio / 1000000
	return r
end

local function breaker_is_on(r) return r.ratio > 0 or r.connect_failures > 0 end

---- What is stored

local function breaker_unpack(packed, head, step)
	local ok, values = pcall(cmsgpack.unpack, packed or '')
	if not ok or type(values) ~= 'table' or values[1] ~= BREAKER_VERSION or (#values - head) % step ~= 0 then
		return { BREAKER_VERSION, head > 1 and 0 or nil }
	end
	return values
end

local function breaker_load(hash)
	local values, stored = redis.call('HMGET', hash, unpack(BREAKER_FIELDS)), {}
	for i, name in ipairs(BREAKER_FIELDS) do stored[name] = values[i] or nil end
	return {
		stored = stored, state = stored.state or 'closed', since = tonumber(stored.since or 0),
		open_until = tonumber(stored.open_until or 0), opens = tonumber(stored.opens or 0),
		reason = stored.reason or '', connect_row = tonumber(stored.connect_row or 0),
		window = breaker_unpack(stored.window, 1, 3), probes = breaker_unpack(stored.probes, 2, 2),
	}
end

-- Writes the fields that are not as they were read.
local function breaker_save(hash, b)
	local set = {}
	for _, name in ipairs(BREAKER_FIELDS) do
		local value = b[name]
		if type(value) == 'table' then value = cmsgpack.pack(value) end
		if type(value) == 'number' then value = string.format('%.0f', value) end
		if value ~= b.stored[name] then
			set[#set + 1], set[#set + 2] = name, value
			b.stored[name] = value
		end
	end
	if #set > 0 then redis.call('HSET', hash, unpack(set)) end
end

---- Changes of state

local function breaker_change(b, state, now)
	b.state, b.since = state, math.max(math.floor(now), b.since + 1)
	b.window, b.probes, b.connect_row = { BREAKER_VERSION }, { BREAKER_VERSION, 0 }, 0
	return state
end

-- random: 0 .. 1. Half of the time is fixed, half is jitter.
local function breaker_open(r, b, now, random, reason)
	b.opens, b.reason = b.opens + 1, reason
	local longest = r.open * math.min(2 ^ (b.opens - 1), BREAKER_GROWS_TO)
	b.open_until = math.ceil(now + longest / 2 + random * longest / 2)
	return breaker_change(b, 'open', now)
end

local function breaker_close(b, now)
	b.opens, b.open_until = 0, 0
	return breaker_change(b, 'closed', now)
end

---- Closed: the window

-- Drops what has left the window (or lies in the future: the clock was set back), counts the rest.
local function breaker_settle_window(r, b, now)
	local kept, successes, failures = { BREAKER_VERSION }, 0, 0
	for i = 2, #b.window, 3 do
		local start = b.window[i]
		if start > now - r.window and start <= now then
			for k = i, i + 2 do kept[#kept + 1] = b.window[k] end
			successes, failures = successes + b.window[i + 1], failures + b.window[i + 2]
		end
	end
	b.window = kept
	return successes, failures
end

local function breaker_add_to_window(r, b, now, successes, failures)
	local width = math.max(1, math.floor(r.window / BREAKER_SLOTS))
	local w, start = b.window, math.floor(now / width) * width
	local last = #w - 2
	if last < 2 or w[last] ~= start then
		last = #w + 1
		w[last], w[last + 1], w[last + 2] = start, 0, 0
	end
	w[last + 1], w[last + 2] = w[last + 1] + successes, w[last + 2] + failures
end

-- Calls that were granted in the spell `since` have ended. connect_row: the last so many of them found no
-- connection; connected: one before these did. Gives the new state if it changes.
local function breaker_count(r, b, now, report, random)
	if b.state ~= 'closed' or report.since ~= b.since then return nil end
	breaker_settle_window(r, b, now)
	breaker_add_to_window(r, b, now, report.successes, report.failures)
	b.connect_row = report.connect_row + (report.connected and 0 or b.connect_row)
	if r.connect_failures > 0 and b.connect_row >= r.connect_failures then
		return breaker_open(r, b, now, random, b.connect_row .. ' connections in a row could not be opened')
	end
	local successes, failures = breaker_settle_window(r, b, now)
	local calls = successes + failures
	if r.ratio > 0 and failures > 0 and calls >= r.min_calls and failures + 1e-6 >= r.ratio * calls then
		return breaker_open(r, b, now, random,
			string.format('%d of %d calls failed within %g s', failures, calls, r.window / 1000))
	end
end

---- Open and half-open: the probes

local function breaker_settle_probes(b, now)
	local kept, first = { BREAKER_VERSION, b.probes[2] }, nil
	for i = 3, #b.probes, 2 do
		if b.probes[i + 1] > now then
			kept[#kept + 1], kept[#kept + 2] = b.probes[i], b.probes[i + 1]
			first = math.min(first or math.huge, b.probes[i + 1])
		end
	end
	b.probes = kept
	return (#kept - 2) / 2, first
end

-- How many calls may go out; if none, how long until that is worth another look. Changes no state: it is
-- half-open once a probe is leased.
local function breaker_room(r, b, now)
	if b.state == 'closed' then return math.huge, 0 end
	if b.state == 'open' then
		-- The rules were changed, or the clock was set back.
		b.open_until = math.min(b.open_until, math.ceil(now + r.open * BREAKER_GROWS_TO))
		if b.open_until > now then return 0, b.open_until - now end
		return r.probes, 0
	end
	local leased, first_end = breaker_settle_probes(b, now)
	local room = r.probes - b.probes[2] - leased
	if room > 0 then return room, 0 end
	if leased == 0 then return 1, 0 end   -- fewer probes are asked for than before
	return 0, first_end - now
end

-- Calls by these entry ids go out as probes. Gives the new state if it changes.
local function breaker_lease(b, now, ids, lease_end)
	local changed
	if b.state == 'open' then changed = breaker_change(b, 'half_open', now) end
	for _, id in ipairs(ids) do
		b.probes[#b.probes + 1], b.probes[#b.probes + 2] = id, math.ceil(lease_end)
	end
	return changed
end

-- A probe has ended; verdict 'success', 'failure', or 'none' if it says nothing of the vendor. Only a leased one
-- counts. Gives the new state if it changes.
local function breaker_probed(r, b, now, id, verdict, random)
	local place
	for i = 3, #b.probes, 2 do
		if b.probes[i] == id then place = i end
	end
	if b.state ~= 'half_open' or not place then return nil end
	table.remove(b.probes, place)
	table.remove(b.probes, place)
	if verdict == 'failure' then return breaker_open(r, b, now, random, 'a probe failed') end
	if verdict == 'success' then b.probes[2] = b.probes[2] + 1 end
	if b.probes[2] >= r.probes then return breaker_close(b, now) end
end
