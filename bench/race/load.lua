-- wrk's side of the race: what is asked, and the exact figures at the end.
--
-- RACE_HOST, RACE_PATH  the one request that is sent when no list is given; wrk then builds it once
--                       and no Lua runs per request.
-- RACE_REQUESTS         a file of "host path" lines, walked in its order for ever; one Lua call per
--                       request. A comparison between two lists is honest, one between a list and the
--                       fixed request is not: the load generator's own cost differs.

wrk.headers["Host"] = os.getenv("RACE_HOST")
wrk.path = os.getenv("RACE_PATH")

local list = os.getenv("RACE_REQUESTS")
if list and list ~= "" then
  local ready, count, at = {}, 0, 0

  function init(_)
    for line in io.lines(list) do
      local host, path = line:match("^(%S+) (%S+)$")
      count = count + 1
      ready[count] = wrk.format("GET", path, { Host = host })
    end
  end

  function request()
    at = at % count + 1
    return ready[at]
  end
end

-- Times are microseconds. `status` counts answers above 399.
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    'RACE {"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%.0f,"p99_us":%.0f,"max_us":%.0f,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency.max,
    e.connect, e.read, e.write, e.status, e.timeout))
end
