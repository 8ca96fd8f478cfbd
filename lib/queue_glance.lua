-- Which of many vendors have something to look at? So that those that have nothing, nearly all of them when a system is
-- idle, cost no script of their own.
--
-- Keys are made here, from the vendors' names: a page of them is a short command. (In a cluster a page would have to be
-- of one slot.) What Redis refuses to say, as the key is of another type, is something: whoever looks closer complains.
--
-- ARGV  prefix, 'waiting' (in the stream or in the delayed set) or 'taken' (not acknowledged, or counted as in flight),
--       vendors
-- Gives a string with a 1 or a 0 for each

local prefix, kind = ARGV[1], ARGV[2]
local out = {}

local function ask(command, key, vendor, ...)
	local reply = redis.pcall(command, prefix .. key .. ':{' .. vendor .. '}', ...)
	if type(reply) ~= 'table' then return reply > 0 end
	if reply.err then return string.find(reply.err, 'NOGROUP', 1, true) == nil end
	return reply[1] > 0
end

local any = {
	waiting = function(vendor) return ask('XLEN', 'job-queue', vendor) or ask('EXISTS', 'job-delayed', vendor) end,
	taken = function(vendor)
		return ask('EXISTS', 'in_flight', vendor) or ask('XPENDING', 'job-queue', vendor, 'workers')
	end,
}

for i = 3, #ARGV do out[i - 2] = any[kind](ARGV[i]) and '1' or '0' end
return table.concat(out)
