-- The mix of jobs.k6.js for wrk: each connection posts a job and then reads jobs that were accepted before.
--
-- Not to be called by hand: run-wrk.sh sets the number of connections, checks the result and explains the settings
-- (VENDOR, READS). wrk does not tell which connection an answer belongs to, so a thread reads the jobs of all its
-- connections in turn. Counts what was answered by status, and what was not what it should be.

local vendor = os.getenv("VENDOR") or "sync"
local reads = tonumber(os.getenv("READS") or "3")
local ids_kept = 1000

local threads = {}

function setup(thread)
	thread:set("number", #threads)
	table.insert(threads, thread)
end

function init()
	ids, next_id, turn, posted = {}, 0, 0, 0
	accepted, found, missing, refused, broken = 0, 0, 0, 0, 0
end

-- One POST, then `reads` GETs, and so on; nothing but POSTs until the first job is there.
function request()
	turn = turn + 1
	if #ids > 0 and turn % (reads + 1) ~= 0 then
		next_id = next_id % #ids + 1
		return wrk.format("GET", "/jobs/" .. ids[next_id])
	end
	posted = posted + 1
	local body = string.format('{"vendor":"%s","payload":{"customer_id":%d,' ..
		'"options":{"priority":"high","verify_address":true}}}', vendor, number * 10000000 + posted)
	return wrk.format("POST", "/jobs", { ["Content-Type"] = "application/json" }, body)
end

local function keep(id)
	if #ids < ids_kept then
		table.insert(ids, id)
	else
		ids[accepted % ids_kept + 1] = id
	end
end

function response(status, headers, body)
	local id = body:match('"request_id":"([0-9a-f-]+)"')
	if status == 202 and id then
		accepted = accepted + 1
		keep(id)
	elseif status == 200 and id then
		found = found + 1
	elseif status == 404 then
		missing = missing + 1
	elseif status == 503 or status == 429 then
		refused = refused + 1
	else
		broken = broken + 1
	end
end

-- One line that run-wrk.sh reads.
function done(summary, latency)
	local sums = {}
	for _, name in ipairs({ "accepted", "found", "missing", "refused", "broken" }) do
		sums[name] = 0
		for _, thread in ipairs(threads) do
			sums[name] = sums[name] + thread:get(name)
		end
	end
	local errors = summary.errors
	local seconds = summary.duration / 1e6
	io.write(string.format(
		"jobs.wrk: accepted=%d found=%d missing=%d refused=%d broken=%d unanswered=%d " ..
		"p50_ms=%.1f p95_ms=%.1f p99_ms=%.1f posts_per_s=%.0f reads_per_s=%.0f\n",
		sums.accepted, sums.found, sums.missing, sums.refused, sums.broken,
		errors.connect + errors.read + errors.write + errors.timeout,
		latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
		sums.accepted / seconds, sums.found / seconds))
end
