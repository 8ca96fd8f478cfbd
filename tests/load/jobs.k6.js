// Load: 200 users for 60 s, POST /jobs and GET /jobs/{id} mixed, against a running system.
//
//   BASE_URL=http://127.0.0.1:3000 k6 run tests/load/jobs.k6.js
//
// Settings (environment): BASE_URL (http://127.0.0.1:3000), USERS (200), DURATION (60s), VENDOR (sync),
// READS (3: how often each job is read), PAUSE_MS (0: wait between two requests of a user).
// One in ten posts carries an Idempotency-Key and is repeated with it: the answer must be the same job.
//
// It measures accepting and reading, not vendors: 200 users post far more than a limited vendor may be called, so
// most jobs are still waiting at the end. Point it at a system of its own (scripts/stack up DIR; . DIR/env).
// k6 is not in Debian; with Go: go install go.k6.io/k6@v1.8.1. The same mix without k6: run-wrk.sh beside this file.
// It fails (exit status 99) when a threshold below is broken.

import { check, sleep } from 'k6';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

const BASE_URL = (__ENV.BASE_URL || 'http://127.0.0.1:3000').replace(/\/$/, '');
const VENDOR = __ENV.VENDOR || 'sync';
const READS = Number(__ENV.READS || 3);
const PAUSE_SECONDS = Number(__ENV.PAUSE_MS || 0) / 1000;
const STATUSES = ['pending', 'processing', 'complete', 'failed', 'cancelled'];

const accepted = new Counter('jobs_accepted');

export const options = {
	vus: Number(__ENV.USERS || 200),
	duration: __ENV.DURATION || '60s',
	summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
	thresholds: {
		checks: ['rate>0.999'],
		http_req_failed: ['rate<0.001'],
		'http_req_duration{call:post}': ['p(95)<500', 'p(99)<1500'],
		'http_req_duration{call:get}': ['p(95)<300', 'p(99)<1000'],
		jobs_accepted: ['count>0'],
	},
};

function post(number, key) {
	const body = JSON.stringify({
		vendor: VENDOR,
		payload: { customer_id: 100000 * __VU + number, options: { priority: 'high', verify_address: true } },
	});
	const headers = { 'Content-Type': 'application/json' };
	if (key) {
		headers['Idempotency-Key'] = key;
	}
	return http.post(`${BASE_URL}/jobs`, body, { headers, tags: { call: 'post', name: 'POST /jobs' } });
}

function accept() {
	const key = __ITER % 10 === 0 ? `k6-${__VU}-${__ITER}-${Date.now()}` : null;
	const response = post(__ITER, key);
	const ok = check(response, {
		'a job is accepted': (r) => r.status >= 200 && r.status <= 202,
		'it has an id': (r) => r.status >= 300 || r.json('request_id') !== undefined,
	});
	if (!ok) {
		return null;
	}
	accepted.add(1);
	const id = response.json('request_id');
	if (key) {
		check(post(__ITER, key), { 'a repeated key gives the same job': (r) => r.json('request_id') === id });
	}
	return id;
}

function read(id) {
	const response = http.get(`${BASE_URL}/jobs/${id}`, { tags: { call: 'get', name: 'GET /jobs/{id}' } });
	check(response, {
		'a job is found': (r) => r.status === 200,
		'it is the one that was asked for': (r) => r.json('request_id') === id && STATUSES.includes(r.json('status')),
	});
}

export default function () {
	const id = accept();
	for (let i = 0; id && i < READS; i++) {
		if (PAUSE_SECONDS > 0) {
			sleep(PAUSE_SECONDS);
		}
		read(id);
	}
	if (!id) {
		sleep(0.5); // refused: do what Retry-After asks for, roughly
	}
}
