-- Give back the jobs of a worker that stops, and count it as gone. An isolated job stays pending for the next claim, and
-- its interrupted attempt does not count; the others go to the end of their stream as new entries.
-- ARGV: consumer, number of tasks, tasks..., streams...
-- Returns 1.
local name, tasks = ARGV[1], tonumber(ARGV[2])
for i = 3, 2 + tasks do
  redis.call('ZADD', WORKERS .. ARGV[i], 'XX', seconds(), name)
end
for i = 3 + tasks, #ARGV do
  local stream = ARGV[i]
  local pending = redis.pcall('XPENDING', stream, GROUP, '-', '+', 1000, name)
  for _, each in ipairs(pending.err and {} or pending) do
    local entry = redis.call('XRANGE', stream, each[1], each[1])[1]
    local text = entry and payload(entry) or ''
    local read, job = pcall(cjson.decode, text)
    local record = JOB .. (read and type(job) == 'table' and type(job.id) == 'string' and job.id or '')
    local known, attempts = unpack(redis.call('HMGET', record, 'entry', 'attempts'))
    if known ~= each[1] then
      remove(stream, each[1])
    elseif tonumber(attempts or 0) > 0 then
      redis.call('HINCRBY', record, 'attempts', -1)
      redis.call('XCLAIM', stream, GROUP, name, 0, each[1], 'IDLE', 86400000, 'JUSTID')
    else
      redis.call('HSET', record, 'entry', redis.call('XADD', stream, '*', 'job', text))
      remove(stream, each[1])
    end
  end
  if not pending.err and #redis.call('XPENDING', stream, GROUP, '-', '+', 1, name) == 0 then
    redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, name)
  end
end
return 1
