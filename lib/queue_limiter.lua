-- The limiter of one vendor: what rate_limit:{vendor} holds, and its arithmetic. Not a script: C puts this
-- text in front of queue_take.lua, queue_limits.lua, queue_refund.lua and others.
--
-- A call granted at t may leave until t + guard, and reaches the vendor up to TRAVEL_MS later. Between two
-- calls the vendor may therefore see less time than we do, by guard + TRAVEL_MS of the earlier one; every
-- limit is kept for the worst case. All times are ms of Redis TIME with their fraction. Should that clock
-- jump back, what lies in the future is taken as of now, and stored so (safe); a jump forward by more than a
-- window is a window forgotten, and no script can see it.
--
-- Fields of the hash:
--   run_id       of the Redis that wrote it; limits of another run are not to be trusted (queue_limits.lua)
--   begun_at     ms; when it was started for that run
--   ticket       of a start that is under way (queue_limits.lua)
--   hold_until   ms; no call before it
--   w:<per_ms>   a window, cmsgpack array {1, seen, {start, count, expiry, start, count, expiry, ...}, last, back,
--                {start, open, known, start, open, known, ...}}, slots in order of their start. A slot counts until
--                its expiry, the worst case of its newest call. The key has no `calls`: counts hold under any.
--                last: the latest grant. back: what the clock said before it jumped back last; the slot of a grant
--                up to then cannot be told by its time. open: so many calls of that slot are not known to have left;
--                known: the worst case of its others. When all have left, the slot counts for as long as they need,
--                and no longer for as long as they could have needed. Programs that do not know this last array
--                leave it out, which costs some of the limit.
--                A limit by the calendar counts by the same record, under a per_ms that is longer than any of its days
--                or months: used is what lies in the one that is looked at (lib/quota.h).
--   b:<calls>:<per_ms>:<burst>   a bucket, cmsgpack array {1, seen, {debt, at, zero_at}}
-- The leading 1 is the format's version. `seen` is when a worker that has the limit in its file last wrote
-- it: workers with an older or newer file count in each other's limits, too, until nobody has had the limit
-- for longer than its window.

local VERSION = 1
local TRAVEL_MS = 10            -- from our write to the vendor's clock: what that may differ between two calls
local CLOCK_SPARE_MS = 1000     -- VENDOR_CLOCK_SPARE_MS: what a vendor's clock may differ from ours
local CALENDAR_WAIT_MS = 1000   -- until the next look, where the caller does not know the calendar of our time
local GUARD_MAX_MS = 500        -- the longest guard that a worker asks for, where it does not say
local LONG_WINDOW_MS = 60000    -- windows over this are quotas (lib/quota.h): the store counts them, too
local SLOTS = 250               -- a window is kept in about so many slots, so it is used to 1 - 1/250 at least;
local FINE_SLOTS = 100          -- the first of them are finer by FINER: of calls that come in bursts nearly
local FINER = 4                 -- nothing is given away
local FULL = 2147483648         -- the count of a slot that uses up the window under any `calls`
local EPSILON = 1e-6            -- of a call: floating point's share

local function now_us()
	local t = redis.call('TIME')
	return t[1] * 1000000 + t[2]
end

local function hash_get(key)
	local flat, map = redis.call('HGETALL', key), {}
	for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
	return map
end

---- Windows

local function window_expiry(l, now, guard) return math.ceil(now + l.per + guard + TRAVEL_MS) end

-- Drops what has left the window, counts the rest. In place: this is most of what a busy vendor costs.
local function window_settle(l, now)
	if l.last > now then l.back, l.last, l.changed, l.open = math.max(l.back, l.last), now, true, {} end
	local s, to, used, first = l.slots, 1, 0, nil
	local len = #s
	for i = 1, len, 3 do
		local start, count, expiry = s[i], s[i + 1], s[i + 2]
		if start > now then start, expiry, l.changed = now, expiry - (start - now), true end
		if expiry > now then
			used = used + count
			if count > 0 and (not first or expiry < first) then first = expiry end
			if to < i or start == now then s[to], s[to + 1], s[to + 2] = start, count, expiry end
			to = to + 3
		end
	end
	for i = len, to, -1 do s[i] = nil end
	l.used, l.first_expiry = used, first
end

local function window_free(l) return l.calls - l.used end

local function window_wait(l, now)
	if l.used < l.calls then return 0 end
	if l.used == l.calls then return l.first_expiry - now end
	-- `calls` was lowered, or a full slot lies over others: more than the first has to go.
	local order, used = {}, l.used
	for i = 1, #l.slots, 3 do order[#order + 1] = i end
	table.sort(order, function(a, b) return l.slots[a + 2] < l.slots[b + 2] end)
	for _, i in ipairs(order) do
		used = used - l.slots[i + 1]
		if used < l.calls then return l.slots[i + 2] - now end
	end
	return 1
end

---- Windows by the calendar
-- a: {calls, starts}: never more calls than that from one start (ms) to the next. A call counts in each of these windows in
-- which the vendor may see it, whose clock may differ.

-- Which window this time is in; nil: in none that the caller knows of.
local function window_at(starts, at)
	for i = #starts - 1, 1, -1 do
		if starts[i] <= at then return at < starts[i + 1] and i or nil end
	end
end

-- The first and the last window of what leaves us and is with the vendor between these times, or nil.
local function windows_of(a, from, to)
	local first, last = window_at(a.starts, from - CLOCK_SPARE_MS), window_at(a.starts, to + CLOCK_SPARE_MS)
	if first and last then return first, last end
end

local function calendar_used(l, from, to)
	local s, used = l.slots, 0
	for i = 1, #s, 3 do
		if s[i] - CLOCK_SPARE_MS < to and s[i + 2] - l.per + CLOCK_SPARE_MS >= from then used = used + s[i + 1] end
	end
	return used
end

-- How many calls more, and how long until there are some if there are none.
local function calendar_room(l, a, now, guard)
	local first, last = windows_of(a, now, now + guard + TRAVEL_MS)
	if not first then return 0, CALENDAR_WAIT_MS end
	local free, wait = math.huge, 0
	for i = first, last do
		local room = a.calls - calendar_used(l, a.starts[i], a.starts[i + 1])
		free = math.min(free, room)
		if room < 1 then wait = a.starts[i + 1] + CLOCK_SPARE_MS - now end
	end
	return free, wait
end

-- Would a call count in the same windows as those of the slot that begins at i?
local function calendar_joins(l, i, from, to)
	for _, a in ipairs(l.calendars or {}) do
		local first, last = windows_of(a, l.slots[i], l.slots[i + 2] - l.per)
		local own_first, own_last = windows_of(a, from, to)
		if first ~= own_first or last ~= own_last then return false end
	end
	return true
end

---- Windows again

local function is_quota(l) return not l.bucket and l.per > LONG_WINDOW_MS end

-- Where the open calls of the slot that begins at start are in l.open.
local function open_at(l, start)
	for i = #l.open - 2, 1, -3 do
		if l.open[i] == start then return i end
	end
end

-- n more calls of the newest slot are open; before: the worst case of those that it has already. What begins a quota's
-- window is nothing to its length.
local function open_more(l, now, n, before)
	if n == 0 or is_quota(l) then return end
	local o, start = l.open, l.slots[#l.slots - 2]
	if o[1] and o[1] + l.per <= now then table.remove(o, 1) table.remove(o, 1) table.remove(o, 1) end
	local i = open_at(l, start)
	if not i then
		i = #o + 1
		o[i], o[i + 1], o[i + 2] = start, 0, before
	end
	o[i + 1] = o[i + 1] + n
end

-- n calls of this slot are open no longer: they need it until `known`.
local function open_less(l, slot, n, known)
	local o, i = l.open, open_at(l, l.slots[slot])
	if not i then return end
	o[i + 1], o[i + 2] = o[i + 1] - n, math.max(o[i + 2], known)
	if o[i + 1] > 0 then return end
	if o[i + 2] > 0 then l.slots[slot + 2] = o[i + 2] end
	for _ = 1, 3 do table.remove(o, i) end
end

-- Into the newest slot while that is young enough: all its calls then count as long as the newest. open: so many of them
-- may not have left yet.
local function window_spend(l, now, guard, n, open)
	local s, last, expiry, before = l.slots, #l.slots - 2, window_expiry(l, now, guard), 0
	local parts = #s < 3 * FINE_SLOTS and FINER * SLOTS or SLOTS
	local width = math.max(1, math.ceil((l.per + guard + TRAVEL_MS) / parts))
	if last > 0 and now - s[last] < width and calendar_joins(l, last, now, now + guard + TRAVEL_MS) then
		before = s[last + 2]
		s[last + 1] = s[last + 1] + n
		s[last + 2] = math.max(before, expiry)
		if open == 0 then open_less(l, last, 0, expiry) end
	else
		s[last + 3], s[last + 4], s[last + 5] = now, n, expiry   -- to the us, to tell two grants apart
	end
	open_more(l, now, open, before)
	l.last = now
	l.used = l.used + n
	l.first_expiry = math.min(l.first_expiry or expiry, expiry)
end

-- The slot of a grant, if it can be told for certain.
local function window_slot(l, now, granted)
	if granted + l.per <= now or granted <= l.back then return nil end
	local s, own = l.slots, nil
	for i = 1, #s, 3 do
		if s[i] <= granted and (not own or s[i] >= s[own]) then own = i end
	end
	return own
end

-- From the slot of the grant, so that what is left of each slot is what it granted less what did not leave (and
-- what comes back is worth a whole window, which what ends first is not). Where that slot cannot be told nothing comes
-- back.
local function window_refund(l, now, granted, n)
	local s, own = l.slots, window_slot(l, now, granted)
	if not own then return end
	-- An empty one stays, or another would be found next time.
	s[own + 1] = math.max(0, s[own + 1] - n)
	open_less(l, own, n, 0)
end

-- n calls of a grant have left, the last one at `left`.
local function window_left(l, now, granted, n, left)
	local own = window_slot(l, now, granted)
	if own then open_less(l, own, n, math.ceil(left + l.per + TRAVEL_MS)) end
end

local function window_fill(l, now, guard)
	local s, n = l.slots, #l.slots
	s[n + 1], s[n + 2], s[n + 3] = math.floor(now), FULL, window_expiry(l, now, guard)
end

---- Token buckets
-- The debt is how full the vendor's own bucket can be at worst: each call adds 1, time takes `rate` per ms
-- away, and a call that leaves a guard late finds that much less taken away, so after a grant the debt is at
-- least rate * guard + 1. For grants i..j this gives
--     j - i + 1 <= burst + rate * (t_j - t_i - guard_i)
-- which is what the vendor demands of the latest i and the earliest j. A burst smaller than 1 + rate * guard
-- leaves room for one call, the next one (2 - burst + rate * guard) / rate later. zero_at: when the debt was
-- last 0.

local function bucket_settle(l, now)
	if now > l.at then l.debt = l.debt - l.rate * (now - l.at) end
	if now < l.at then l.changed = true end
	l.at = now
	if l.zero_at > now then l.zero_at = now end
	if l.debt <= 0 then l.debt, l.zero_at = 0, now end
end

local function bucket_free(l, guard)
	local free = math.floor(l.burst - math.max(l.debt, l.rate * (guard + TRAVEL_MS)) + EPSILON)
	if free >= 1 then return free end
	return l.debt + 1 <= l.burst + EPSILON and 1 or 0
end

local function bucket_wait(l)
	return math.max(0, l.debt + 1 - l.burst) / l.rate
end

local function bucket_spend(l, guard, n)
	l.debt = math.max(l.debt, l.rate * (guard + TRAVEL_MS)) + n
end

-- A debt that was 0 since the grant has forgotten the call already.
local function bucket_refund(l, granted, n)
	if granted >= l.zero_at then l.debt = math.max(0, l.debt - n) end
end

local function bucket_fill(l, guard)
	l.debt = math.max(l.debt, l.burst, 1 + l.rate * (guard + TRAVEL_MS))
end

---- Both

-- A limit without a record; nil if the key is no limit's.
local function limit_new(key, now)
	local per = string.match(key, '^w:(%d+)$')
	if per then
		return { key = key, per = tonumber(per), calls = math.huge, slots = {}, used = 0, seen = now, last = 0, back = 0,
			open = {} }
	end
	local calls, bucket_per, burst = string.match(key, '^b:(%d+):(%d+):(%d+)$')
	if not calls then return nil end
	per = tonumber(bucket_per)
	return { key = key, bucket = true, per = per, rate = tonumber(calls) / per, burst = tonumber(burst), seen = now,
		debt = 0, at = now, zero_at = now }
end

local function limit_settle(l, now)
	if l.bucket then bucket_settle(l, now) else window_settle(l, now) end
end

-- guard: the longest that a call may have which we know nothing of.
local function limit_fill(l, now, guard)
	if l.bucket then bucket_fill(l, guard) else window_fill(l, now, guard) end
	limit_settle(l, now)
	l.changed = true
end

local function limit_free(l, now, guard)
	if l.bucket then return l.own and bucket_free(l, guard) or math.huge end
	local free = window_free(l)
	for _, a in ipairs(l.calendars or {}) do free = math.min(free, (calendar_room(l, a, now, guard))) end
	return free
end

local function limit_wait(l, now, guard)
	if not l.own then return 0 end
	if l.bucket then return bucket_wait(l) end
	local wait = window_wait(l, now)
	for _, a in ipairs(l.calendars or {}) do wait = math.max(wait, (select(2, calendar_room(l, a, now, guard)))) end
	return wait
end

-- open: so many of the calls may not have left yet.
local function limit_spend(l, now, guard, n, open)
	if l.bucket then bucket_spend(l, guard, n) else window_spend(l, now, guard, n, open) end
	l.changed = true
end

-- Calls have left: argv[first] is the number of reports, then granted (us), n, left (us) of each. begun: calls granted
-- before that may not be in the counts.
local function limits_left(limits, now, begun, argv, first)
	local n = tonumber(argv[first])
	for i = first + 1, first + 3 * n, 3 do
		local granted, left = tonumber(argv[i]) / 1000, tonumber(argv[i + 2]) / 1000
		for _, l in pairs(limits) do
			if not l.bucket and granted >= begun then
				window_left(l, now, granted, tonumber(argv[i + 1]), left)
				l.changed = true
			end
		end
	end
	if n == 0 then return end
	for _, l in pairs(limits) do limit_settle(l, now) end
end

local function limit_refund(l, now, granted, n)
	if l.bucket then bucket_refund(l, granted, n) else window_refund(l, now, granted, n) end
	l.changed = true
end

local function limit_unpack(l, packed, now)
	local r = cmsgpack.unpack(packed)
	local values = r[1] == VERSION and r[3] or error('not this version')
	if l.bucket then
		l.debt, l.at, l.zero_at = values[1] + 0, values[2] + 0, values[3] + 0
	else
		l.slots = #values % 3 == 0 and values or error('torn slots')
		l.last, l.back = (r[4] or 0) + 0, (r[5] or 0) + 0
		l.open = r[6] or {}
		if #l.open % 3 ~= 0 then error('torn open calls') end
	end
	limit_settle(l, now)
	l.seen = r[2] + 0
end

-- A record that cannot be read is a limit about which nothing is known: used up.
local function limit_decode(key, packed, now)
	local l = limit_new(key, now)
	if l and not pcall(limit_unpack, l, packed, now) then
		l = limit_new(key, now)
		limit_fill(l, now, GUARD_MAX_MS)
	end
	return l
end

local function limit_pack(l)
	if l.bucket then return cmsgpack.pack({ VERSION, l.seen, { l.debt, l.at, l.zero_at } }) end
	return cmsgpack.pack({ VERSION, l.seen, l.slots, l.last, l.back, l.open[1] and l.open or nil })
end

local function starts_of(text)
	local starts = {}
	for start in string.gmatch(text, '%-?%d+') do starts[#starts + 1] = tonumber(start) end
	return starts
end

local ARGS_A_LIMIT = 4

-- The limits of the caller's vendor file: argv[first] is their number, then calls, per_ms, burst and starts of each (starts:
-- those of its windows, if they go by the calendar). key -> {calls, calendars}: the smallest number of calls in any span,
-- if two windows are equally long, and what goes by the calendar.
local function limits_wanted(argv, first)
	local wanted = {}
	for i = first + 1, first + ARGS_A_LIMIT * tonumber(argv[first]), ARGS_A_LIMIT do
		local calls, per, burst, starts = tonumber(argv[i]), argv[i + 1], argv[i + 2], argv[i + 3]
		local key = burst == '0' and 'w:' .. per or 'b:' .. argv[i] .. ':' .. per .. ':' .. burst
		local w = wanted[key] or { calls = math.huge, calendars = {} }
		if starts == '' then
			w.calls = math.min(w.calls, calls)
		else
			w.calendars[#w.calendars + 1] = { calls = calls, starts = starts_of(starts) }
		end
		wanted[key] = w
	end
	return wanted
end

-- It is in the caller's file.
local function limit_own(l, want)
	l.own, l.calls, l.calendars = true, want.calls, want.calendars
end

-- Has the caller's file a quota that is not counted here? Then the store has to be asked (queue_limits.lua).
local function quota_missing(stored, wanted)
	for key in pairs(wanted) do
		if not stored[key] and is_quota(limit_new(key, 0)) then return true end
	end
	return false
end

-- All limits of the hash, those of the caller's file marked as own, by key; and the keys that nobody has used
-- for long.
local function limits_stored(stored, wanted, now)
	local limits, gone = {}, {}
	for key, packed in pairs(stored) do
		local l = limit_decode(key, packed, now)
		if l and wanted[key] then
			limit_own(l, wanted[key])
			l.seen = now
		end
		if l and l.seen + math.max(l.per, LONG_WINDOW_MS) < now then
			gone[#gone + 1] = key
		elseif l then
			limits[key] = l
		end
	end
	return limits, gone
end

-- Adds the limits of the caller's file that have no record yet although the vendor was called: its file was
-- changed. A bucket starts used up. A window takes over what the longest stored window knows, which is all if
-- that is as long; if it is shorter, the new one starts used up besides, but not if it is a quota (a new
-- one must not close the vendor for a day: it counts from the oldest call still known).
local function limits_add_new(limits, wanted, now)
	local longest
	for _, l in pairs(limits) do
		if not l.bucket and (not longest or l.per > longest.per) then longest = l end
	end
	for key, want in pairs(wanted) do
		if not limits[key] then
			local l = limit_new(key, now)
			limit_own(l, want)
			l.changed, limits[key] = true, l
			if longest and not l.bucket then
				local own = 0
				l.last, l.back = longest.last, longest.back
				for i = 1, #longest.slots, 3 do
					local start, count, expiry = longest.slots[i], longest.slots[i + 1], longest.slots[i + 2]
					if count < FULL or longest.per >= l.per or not is_quota(l) then
						l.slots[own + 1], l.slots[own + 2] = start, count
						l.slots[own + 3] = expiry - longest.per + l.per
						own = own + 3
					end
				end
			end
			local known = longest and longest.per >= l.per or is_quota(l)
			if l.bucket or not known then limit_fill(l, now, GUARD_MAX_MS) else limit_settle(l, now) end
		end
	end
end

-- Writes the limits that changed since they were read or written. No TTL: the hash must not be one of those
-- that volatile-lru may evict.
local function limits_save(hash, limits, gone)
	for key, l in pairs(limits) do
		if l.changed then redis.call('HSET', hash, key, limit_pack(l)) end
		l.changed = false
	end
	for _, key in ipairs(gone) do redis.call('HDEL', hash, key) end
end
