-- The load of all scenarios, for wrk. Not to be called by hand: wrk.py runs it and reads the line that done() prints.
--
--   BODY_FILE    POST /jobs with what is in this file, again and again; or
--   IDS_FILE     GET /jobs/{id} for each id in this file, a line each, again and again; THREADS of wrk share them out

local body_file, ids_file = os.getenv("BODY_FILE"), os.getenv("IDS_FILE")
local threads = tonumber(os.getenv("THREADS"))

function setup(thread)
	next_number = (next_number or 0) + 1
	thread:set("thread_number", next_number)
end

if body_file then
	wrk.method = "POST"
	wrk.path = "/jobs"
	wrk.headers["Content-Type"] = "application/json"
	wrk.body = io.open(body_file, "rb"):read("*a")
end

if ids_file then
	local requests, at = {}, nil

	-- Each thread has ids of its own.
	function init()
		local number = 0
		for id in io.lines(ids_file) do
			number = number + 1
			if number % threads + 1 == thread_number then
				table.insert(requests, wrk.format("GET", "/jobs/" .. id))
			end
		end
		at = 0
	end

	function request()
		at = at % #requests + 1
		return requests[at]
	end
end

function done(summary, latency)
	local errors, seconds = summary.errors, summary.duration / 1e6
	io.write(string.format(
		"load: {\"answered\": %d, \"refused\": %d, \"unanswered\": %d, \"per_second\": %.1f, " ..
		"\"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
		summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
		(summary.requests - errors.status) / seconds, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
