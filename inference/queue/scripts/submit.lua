-- Add a job to its stream, unless it is finished, open, or over a limit.
-- ARGV: id, payload, task, stream, scope, asker, reply_to, pictures, now, deadline, record's retention in ms,
--       most jobs, most jobs of one asker, force ('1': it was accepted before),
--       seconds by which its deadline has moved before, lease in seconds while models are loaded, all tasks...
-- Returns {'kept', result} | {'running'} | {'queued', entry} | {'not_served'} |
--         {'many', how many are open, the first one's deadline} | {'full', times of the last finished jobs...}
local id, job, task, stream, scope, asker, reply_to, pictures = unpack(ARGV, 1, 8)
local now, deadline, retention = tonumber(ARGV[9]), ARGV[10], ARGV[11]
local max_jobs, max_per_asker, force = tonumber(ARGV[12]), tonumber(ARGV[13]), ARGV[14] == '1'
local extended, lease = tonumber(ARGV[15]), tonumber(ARGV[16])
local record = JOB .. id

local function not_served()
  local time = seconds()
  if redis.call('ZCOUNT', WORKERS .. task, time - RESTART, '+inf') > 0 then return false end
  if #loading(task) > 0 then return false end
  for i = 17, #ARGV do
    if redis.call('ZCOUNT', WORKERS .. ARGV[i], '(' .. time, '+inf') > 0 then return true end
  end
  return false
end

-- Drop expired jobs whose worker and bot are both gone.
local function purge()
  local old = redis.call('ZRANGEBYSCORE', OPEN, '-inf', '(' .. ARGV[9], 'LIMIT', 0, 100)
  for _, each in ipairs(old) do
    -- The reply to a claimed one comes when it is finished or claimed again; here it only no longer counts.
    if not withdraw(each) then redis.call('ZREM', OPEN, each) end
  end
  redis.call('ZREMRANGEBYSCORE', ASKER .. asker, '-inf', '(' .. ARGV[9])
end

local kept = redis.call('GET', RESULT .. scope .. ':' .. id)
if kept then return {'kept', kept} end

local old_stream, entry, old_deadline, old_asker =
  unpack(redis.call('HMGET', record, 'stream', 'entry', 'deadline', 'asker'))
if entry then
  local there = #redis.call('XRANGE', old_stream, entry, entry) > 0
  if there and (tonumber(old_deadline) >= now or claimed(old_stream, entry)) then
    redis.call('HSET', record, 'reply_to', reply_to)
    return {'running'}
  end
  -- It expired while it waited, or its entry was lost: enqueue it again.
  redis.call('XDEL', old_stream, entry)
  uncount(id, old_asker)
  redis.call('DEL', record)
end

if not force then
  if not_served() then return {'not_served'} end
  purge()
  local open = redis.call('ZCARD', ASKER .. asker)
  if open >= max_per_asker then
    return {'many', open, redis.call('ZRANGE', ASKER .. asker, 0, 0, 'WITHSCORES')[2]}
  end
  if redis.call('ZCOUNT', OPEN, ARGV[9], '+inf') >= max_jobs then
    return {'full', unpack(redis.call('LRANGE', RECENT, 0, -1))}
  end
end

if extended > 0 then
  deadline = string.format('%.3f', deadline + extended)
  redis.call('HSET', record, 'extended', extended)
end
entry = redis.call('XADD', stream, '*', 'job', job)
redis.call('HSET', record, 'scope', scope, 'stream', stream, 'entry', entry, 'asker', asker, 'reply_to', reply_to,
  'pictures', pictures, 'deadline', deadline)
redis.call('PEXPIRE', record, retention)
redis.call('ZADD', OPEN, deadline, id)
redis.call('ZADD', ASKER .. asker, deadline, id)
redis.call('PEXPIRE', ASKER .. asker, retention)
if #loading(task) > 0 and not ready(task) then hold_deadline(id, now, lease) end
return {'queued', entry}
