-- Until when has the stream been delivered (ms)? Now, if nothing is left to deliver. 0, if there are entries
-- but no group yet.
--
-- KEYS  stream

local stream = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)

if redis.call('XLEN', stream) == 0 then return now end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
	local info = {}
	for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
	if info.name == 'workers' then
		local delivered = info['last-delivered-id']
		if #redis.call('XRANGE', stream, '(' .. delivered, '+', 'COUNT', 1) == 0 then return now end
		return tonumber(string.match(delivered, '^%d+'))
	end
end
return 0
