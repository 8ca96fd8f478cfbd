-- The access token of one vendor, which all workers share, and who of them fetches the next one.
--
-- KEYS  token
-- ARGV  what is to be done, the worker's name, and what follows
--   'ask'    id of the token that it has ('' none) and wants another for, 1 if the vendor refused that one, lease_ms
--            Gives {'token', id, sealed, use_ms, renew_ms}, {'fetch', failures} (nobody else does for lease_ms), or
--            {'wait', ms, why the last one could not be fetched or ''}
--   'keep'   id, sealed, use_ms, renew_ms, rest_ms: it has fetched this one; the next is not fetched for rest_ms
--   'fail'   wait_ms, reason: it could not fetch one
--   'leave'  it was to fetch one, and does not
--
-- Fields of the hash, which goes by itself when all in it is over; times are ms of Redis TIME:
--   id, sealed, use_until, renew_at     the token
--   worker, lease_until                 who fetches
--   failures, reason                    since one was fetched
--   next_at                             nobody fetches before

local LOOK_MS = 100             -- while somebody else fetches
local KEPT_MS = 3600000         -- after all in it is over: of failures people want to know
local hash, what, worker = KEYS[1], ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function get(name) return redis.call('HGET', hash, name) or '' end
local function left(name) return (tonumber(get(name)) or 0) - now end

local function keep_while_of_use()
	local longest = math.max(left('use_until'), left('lease_until'), left('next_at'), 0)
	redis.call('PEXPIRE', hash, longest + KEPT_MS)
end

local act = {}

function act.ask()
	local known, refused, lease = ARGV[3], ARGV[4] == '1', tonumber(ARGV[5])
	local id = get('id')
	if refused and id == known then
		redis.call('HDEL', hash, 'id', 'sealed', 'use_until', 'renew_at')
		id = ''
	end
	if id ~= '' and id ~= known and left('use_until') > 0 then
		return { 'token', id, get('sealed'), left('use_until'), left('renew_at') }
	end
	if get('worker') ~= worker and left('lease_until') > 0 then
		return { 'wait', math.min(left('lease_until'), LOOK_MS), get('reason') }
	end
	if left('next_at') > 0 then return { 'wait', left('next_at'), get('reason') } end
	redis.call('HSET', hash, 'worker', worker, 'lease_until', now + lease)
	return { 'fetch', tonumber(get('failures')) or 0 }
end

function act.leave()
	if get('worker') == worker then redis.call('HDEL', hash, 'worker', 'lease_until') end
end

function act.keep()
	redis.call('HSET', hash, 'id', ARGV[3], 'sealed', ARGV[4], 'use_until', now + ARGV[5], 'renew_at', now + ARGV[6],
		'next_at', now + ARGV[7])
	redis.call('HDEL', hash, 'failures', 'reason')
	act.leave()
end

function act.fail()
	redis.call('HINCRBY', hash, 'failures', 1)
	redis.call('HSET', hash, 'next_at', now + ARGV[3], 'reason', ARGV[4])
	act.leave()
end

local answer = act[what]()
if redis.call('EXISTS', hash) == 1 then keep_while_of_use() end
return answer or { 'ok' }
