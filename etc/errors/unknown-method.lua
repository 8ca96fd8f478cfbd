-- 405 with Allow, where lighttpd has 501 for a method that it does not know, or a bare 405 for CONNECT.
--
-- Runs for requests that lighttpd does not get as far as the path of (lighttpd.conf), so Allow is what there is on any path. A method
-- that is not known has no name here; a Transfer-Encoding that is not known is 501, too, and stays so.
local request = lighty.r
local method, status = request.req_attr["request.method"], request.req_item.http_status

if status == 501 and (method == nil or method == "" or method == "PRI") then
	local page = request.req_attr["physical.path"]:gsub("501", "405")
	request.resp_body:set({ { filename = page } })
	status = 405
end
if status ~= 405 then
	return 0
end
request.resp_header["Allow"] = "GET, HEAD, POST, OPTIONS"
return status
