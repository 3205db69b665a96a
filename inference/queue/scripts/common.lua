-- Names and functions that the scripts share; it stands before each of them.
-- An open job's record has the field `entry`; a finished one's has its scope,
-- so that its result is found. All other
-- state is in the streams themselves.
-- KEYS: see Keys.for_scripts
local OPEN, JOB, ASKER, RESULT, REPLIES, RECENT, DEAD, WORKERS, PICTURE, PICTURES, PICTURE_BYTES, GROUP,
  LOADING = unpack(KEYS)
-- Seconds for which a silent worker counts as restarting.
local RESTART = 120
-- Milliseconds after which a consumer without entries that is gone is deleted.
local FORGET_MS = 3600000

local function seconds()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

-- Return whether entry id `a` (ms-seq) is before `b`.
local function before(a, b)
  local ams, aseq = string.match(a, '(%d+)-(%d+)')
  local bms, bseq = string.match(b, '(%d+)-(%d+)')
  ams, bms = tonumber(ams), tonumber(bms)
  if ams ~= bms then return ams < bms end
  return tonumber(aseq) < tonumber(bseq)
end

-- Return the id of the last entry that was delivered to the group; false where there is no such group.
local function delivered(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then return false end
  for _, group in ipairs(groups) do
    local facts = {}
    for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
    if facts['name'] == GROUP then return facts['last-delivered-id'] end
  end
  return false
end

local function ensure_group(stream)
  local last = delivered(stream)
  if last then return last end
  redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
  return '0-0'
end

-- Return whether the entry is pending (with the consumer `name`, where given).
local function claimed(stream, entry, name)
  local pending
  if name then
    pending = redis.pcall('XPENDING', stream, GROUP, entry, entry, 1, name)
  else
    pending = redis.pcall('XPENDING', stream, GROUP, entry, entry, 1)
  end
  return pending.err == nil and #pending > 0
end

-- Return an entry's JSON; '' where it has none.
local function payload(entry)
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == 'job' then return fields[i + 1] end
  end
  return ''
end

local function remove(stream, entry)
  redis.pcall('XACK', stream, GROUP, entry)
  redis.call('XDEL', stream, entry)
end

local function uncount(id, asker)
  redis.call('ZREM', OPEN, id)
  redis.call('ZREM', ASKER .. asker, id)
end

-- Publish a job's reply and keep it for `retention` ms.
local function publish_reply(id, scope, reply_to, reply, retention)
  redis.call('SET', RESULT .. scope .. ':' .. id, reply, 'PX', retention)
  -- Its submitter may look once more by how much the deadline has moved, before it has read the reply.
  local extended = redis.call('HGET', JOB .. id, 'extended')
  redis.call('DEL', JOB .. id)
  redis.call('HSET', JOB .. id, 'scope', scope)
  if extended then redis.call('HSET', JOB .. id, 'extended', extended) end
  redis.call('PEXPIRE', JOB .. id, retention)
  -- The stream of a bot that never comes back expires; one that does finds the kept result.
  redis.call('XADD', REPLIES .. reply_to, 'MAXLEN', '~', 10000, '*', 'reply', reply)
  redis.call('PEXPIRE', REPLIES .. reply_to, retention)
end

-- Withdraw a job that no worker has claimed. Returns whether it did.
local function withdraw(id)
  local stream, entry, asker = unpack(redis.call('HMGET', JOB .. id, 'stream', 'entry', 'asker'))
  if not entry or claimed(stream, entry) then return false end
  redis.call('XDEL', stream, entry)
  uncount(id, asker)
  redis.call('DEL', JOB .. id)
  return true
end

-- Return whether a live worker is ready for the task.
local function ready(task)
  return redis.call('ZCOUNT', WORKERS .. task, '(' .. seconds(), '+inf') > 0
end

-- Return the states of the workers that load the task's models; those whose lease has run out are dropped.
local function loading(task)
  local key, now, found = LOADING .. task, seconds(), {}
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local read, state = pcall(cjson.decode, all[i + 1])
    if read and type(state) == 'table' and (tonumber(state['until']) or 0) > now then
      found[#found + 1] = all[i + 1]
    else
      redis.call('HDEL', key, all[i])
    end
  end
  return found
end

-- Have an open job's deadline stand still until `lease` seconds from `now` (Unix time in seconds, of the caller's clock).
-- `extended` is by how many seconds the deadline has moved in all, `held` until when it stands still.
local function hold_deadline(id, now, lease)
  local record = JOB .. id
  local deadline, held, asker, extended = unpack(redis.call('HMGET', record, 'deadline', 'held', 'asker', 'extended'))
  if not deadline or tonumber(deadline) < now then return end
  local from = tonumber(held or now)
  if from < now - lease then from = now end
  local more = now + lease - from
  if more <= 0 then return end
  deadline = string.format('%.3f', deadline + more)
  redis.call('HSET', record, 'deadline', deadline, 'held', string.format('%.3f', now + lease),
    'extended', string.format('%.3f', (extended or 0) + more))
  redis.call('PEXPIRE', record, redis.call('PTTL', record) + math.ceil(more * 1000))
  for _, key in ipairs({OPEN, ASKER .. asker}) do
    redis.call('ZADD', key, 'XX', deadline, id)
  end
end

-- Return by how many seconds the deadline of an entry's job has moved; '0' where it has not.
local function extension(entry)
  local read, job = pcall(cjson.decode, payload(entry))
  if not read or type(job) ~= 'table' or type(job.id) ~= 'string' then return '0' end
  return redis.call('HGET', JOB .. job.id, 'extended') or '0'
end

-- Return the consumers whose pending entries may be claimed at once, whatever their idle time: their heartbeat has lapsed
-- (where `lapse`), or they are among `dead`. Consumers that have long been gone and have no entries are deleted.
local function gone(stream, lapse, dead)
  local task = string.match(stream, ':jobs:(%a+):%a+$')
  local now, found = seconds(), {}
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, GROUP)
  if consumers.err then return found end
  for _, consumer in ipairs(consumers) do
    local facts = {}
    for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
    local name, pending = facts['name'], facts['pending']
    local until_ = task and tonumber(redis.call('ZSCORE', WORKERS .. task, name) or 'inf') or math.huge
    if pending > 0 and (dead[name] or (lapse and until_ <= now)) then
      found[#found + 1] = name
    elseif pending == 0 and facts['idle'] > FORGET_MS and (until_ == math.huge or until_ <= now) then
      redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, name)
    end
  end
  return found
end

-- Return the pending entries of a stream that may be claimed, as XPENDING does; at most 100 for each reason.
local function abandoned(stream, idle, lapse, dead)
  local pending = redis.pcall('XPENDING', stream, GROUP, 'IDLE', idle, '-', '+', 100)
  local found = pending.err and {} or pending
  for _, name in ipairs(gone(stream, lapse, dead)) do
    for _, each in ipairs(redis.call('XPENDING', stream, GROUP, '-', '+', 100, name)) do
      found[#found + 1] = each
    end
  end
  return found
end

-- Return the arguments of a look for abandoned entries, from ARGV[first] on: idle ms, '1' where a lapsed heartbeat counts,
-- the number of dead consumers, their names, streams...
local function look_arguments(first)
  local dead, count = {}, tonumber(ARGV[first + 2])
  for i = first + 3, first + 2 + count do dead[ARGV[i]] = true end
  local streams = {}
  for i = first + 3 + count, #ARGV do streams[#streams + 1] = ARGV[i] end
  return ARGV[first], ARGV[first + 1] == '1', dead, streams
end
