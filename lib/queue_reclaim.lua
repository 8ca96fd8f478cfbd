-- A page of entries that were taken long ago and never acknowledged: each goes to the end of the stream as a
-- new one. And the open calls whose lease is over: a take removes them too, but may never come again.
-- On the first page also entries that were delivered and are nobody's: XGROUP DELCONSUMER dropped them from the
-- pending list, so nobody would ever acknowledge them. They only go: their jobs are found as lost.
--
-- KEYS  stream, in_flight
-- ARGV  consumer, min_idle_ms, cursor (0-0 at first), entries in a page
-- Gives {next cursor (0-0 at the end), number of entries that are in the stream again}

local stream, in_flight = KEYS[1], KEYS[2]
local again = 0
local t = redis.call('TIME')

-- Of the oldest entries that were delivered; those after them have their turn in later rounds.
local function remove_nobodys()
	local delivered = '0-0'
	for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
		local info = {}
		for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
		if info.name == 'workers' then delivered = info['last-delivered-id'] end
	end
	for _, entry in ipairs(redis.call('XRANGE', stream, '-', delivered, 'COUNT', ARGV[4])) do
		local id = entry[1]
		if #redis.call('XPENDING', stream, 'workers', id, id, 1) == 0 then redis.call('XDEL', stream, id) end
	end
end

redis.call('ZREMRANGEBYSCORE', in_flight, '-inf', t[1] * 1000 + math.floor(t[2] / 1000))
if redis.call('EXISTS', stream) == 0 then return { '0-0', 0 } end
local page = redis.pcall('XAUTOCLAIM', stream, 'workers', ARGV[1], ARGV[2], ARGV[3], 'COUNT', ARGV[4], 'JUSTID')
if page.err then
	if string.find(page.err, 'NOGROUP', 1, true) then return { '0-0', 0 } end
	error(page.err)
end
if ARGV[3] == '0-0' then remove_nobodys() end
for _, id in ipairs(page[2]) do
	local entry = redis.call('XRANGE', stream, id, id)[1]
	if entry and #entry[2] == 2 then
		redis.call('XADD', stream, '*', entry[2][1], entry[2][2])
		again = again + 1
	end
	redis.call('XDEL', stream, id)
	redis.call('XACK', stream, 'workers', id)
	redis.call('ZREM', in_flight, id)
end
-- Redis 7 has dropped those whose entry was deleted by itself, and says which.
for _, id in ipairs(page[3] or {}) do redis.call('ZREM', in_flight, id) end
return { page[1], again }
