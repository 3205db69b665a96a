-- Names and functions that the scripts share; it stands before each of them.
-- An open job's record has the field `entry`; a finished one's has only its scope, so that its result is found. All other
-- state is in the streams themselves.
-- KEYS: see Keys.for_scripts
local OPEN, JOB, ASKER, RESULT, REPLIES, RECENT, DEAD, WORKERS, PICTURE, PICTURES, PICTURE_BYTES, GROUP =
  unpack(KEYS)
-- Seconds for which a silent worker counts as restarting.
local RESTART = 120

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
  redis.call('DEL', JOB .. id)
  redis.call('HSET', JOB .. id, 'scope', scope)
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
