-- Vendors that share an account, and with it limits and max_in_flight: what they share in Redis, and whose turn it is.
-- Not a script: C puts this text in front of those that need it.
--
-- rate_limit:{@account} is the limiter of all of them. Streams, calls in flight and breakers are each vendor's own. Two
-- kinds of fields are for groups only:
--   in rate_limit:{vendor}     account: the vendor's calls are counted there. Whoever finds that it is not where its own
--                              file says starts the limiter anew (queue_limits.lua), so that no call is forgotten
--                              when a vendor enters or leaves a group. hold_until: of this vendor alone
--   in rate_limit:{@account}   t:<vendor>, '<level> <wants> <slots> <comes>': it has jobs that wait for the account. level:
--                              calls it was granted, beside the others' levels; wants: jobs that wait for the limits;
--                              slots: jobs that wait for calls in flight to end; comes: ms; its next take is due before
--                              that, and its share is kept for it until then

local COMES_LATE_MS = 250       -- a take that is due may come so much later
local COMES_MAX_MS = 3000       -- SLOW_LOOK_MS in worker/intake.c: no worker waits longer
local TURN_WAIT_MS = 20         -- for whoever finds the room that there is kept for others

-- argv[first]: the vendor's account ('' if it is alone), then the vendor, the number of the group's members, and these.
-- nil if it is alone.
local function group_given(argv, first)
	local account = argv[first]
	if account == '' then return nil end
	local group = { account = account, vendor = argv[first + 1], members = {}, turns = {} }
	for i = 1, tonumber(argv[first + 2]) do group.members[i] = argv[first + 2 + i] end
	return group
end

-- The same key of another vendor: one that ends in {tag}.
local function key_of(key, tag, other)
	return string.sub(key, 1, #key - #tag - 1) .. other .. '}'
end

---- Turns
-- What the limits leave is shared so that the levels of those who wait become equal, room for calls in flight so that as
-- many are open of each. Nobody's level is far below the others': a vendor that had nothing to do for long does not make
-- them wait for it when it comes back.

-- most: so far may it be below.
local function turns_load(group, stored, now, most)
	local lowest, highest, any = math.huge, 0, 0
	for field, packed in pairs(stored) do
		local vendor = string.match(field, '^t:(.+)$')
		local level, wants, slots, comes = string.match(vendor and packed or '', '^(%d+) (%d+) (%d+) (%d+)$')
		if level then
			local turn = { level = tonumber(level), wants = tonumber(wants), slots = tonumber(slots) }
			group.turns[vendor], any = turn, math.max(any, turn.level)
			if tonumber(comes) > now then
				lowest, highest = math.min(lowest, turn.level), math.max(highest, turn.level)
			else
				turn.wants, turn.slots = 0, 0   -- it should have come, and did not
			end
		end
	end
	group.own = group.turns[group.vendor] or { level = lowest < math.huge and lowest or any }
	group.own.level = math.max(group.own.level, highest - most)
end

-- The most of n that leaves each of the others what is due to it before; due(turn, vendor, share): how much, if this one
-- gets so many.
local function turns_share(group, n, due)
	if n == math.huge then return n end
	local function fits(share)
		local sum = share
		for vendor, turn in pairs(group.turns) do
			if vendor ~= group.vendor then sum = sum + math.max(0, due(turn, vendor, share)) end
		end
		return sum <= n
	end
	local low, high = 0, math.max(0, n)
	while low < high do
		local middle = math.ceil((low + high) / 2)
		if fits(middle) then low = middle else high = middle - 1 end
	end
	return low
end

-- Of n calls that the limits leave.
local function turns_of_limits(group, n)
	return turns_share(group, n, function(turn, _, share)
		return math.min(turn.wants, group.own.level + share - 1 - turn.level)
	end)
end

-- Of room for n more calls in flight; open: how many each has. Where that is the same the levels say who goes first.
local function turns_of_slots(group, n, open)
	return turns_share(group, n, function(turn, vendor, share)
		local behind = turn.level < group.own.level and 1 or 0
		return math.min(turn.slots, open[group.vendor] + share - 1 - (open[vendor] or 0) + behind)
	end)
end

-- It was granted so many, more of its jobs wait for limits and slots, and its next take is due in `wait` ms. None waits:
-- neither do the others.
local function turns_save(group, key, now, granted, wants, slots, wait)
	local field = 't:' .. group.vendor
	if wants + slots > 0 then
		local comes = now + math.min(math.max(wait, 0), COMES_MAX_MS) + COMES_LATE_MS
		redis.call('HSET', key, field, string.format('%.0f %.0f %.0f %.0f', group.own.level + granted, wants, slots, comes))
	elseif group.turns[group.vendor] then
		redis.call('HDEL', key, field)
	end
end
