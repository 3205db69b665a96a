-- Reserve room for an image's bytes. Images that no open job needs are dropped, the oldest first.
-- A member of PICTURES is '<bytes> <scope>:<digest>', its score the time in ms at which it expires.
-- ARGV: scope:digest, bytes, now in ms, retention in ms, most bytes, ms for which a stored one is not dropped
-- Returns {'there'}: its bytes are stored | {'put'}: store them now | {'full', times of the last finished jobs...}
local name, size = ARGV[1], tonumber(ARGV[2])
local now, retention, max_bytes, min_age = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local member = ARGV[2] .. ' ' .. name

local function drop(each)
  local bytes, rest = string.match(each, '^(%d+) (.*)$')
  redis.call('ZREM', PICTURES, each)
  redis.call('DEL', PICTURE .. rest)
  redis.call('DECRBY', PICTURE_BYTES, bytes)
end

local function over()
  return tonumber(redis.call('GET', PICTURE_BYTES) or 0) + size > max_bytes
end

local function pinned()
  local names = {}
  for _, id in ipairs(redis.call('ZRANGE', OPEN, 0, -1)) do
    for each in string.gmatch(redis.call('HGET', JOB .. id, 'pictures') or '', '%S+') do names[each] = true end
  end
  return names
end

for _, each in ipairs(redis.call('ZRANGEBYSCORE', PICTURES, '-inf', now)) do drop(each) end
if redis.call('ZSCORE', PICTURES, member) then
  redis.call('ZADD', PICTURES, now + retention, member)
  if redis.call('PEXPIRE', PICTURE .. name, retention) == 1 then return {'there'} end
  return {'put'}
end
if over() then
  local needed = pinned()
  for _, each in ipairs(redis.call('ZRANGEBYSCORE', PICTURES, '-inf', now + retention - min_age)) do
    if not needed[string.match(each, '^%d+ (.*)$')] then drop(each) end
    if not over() then break end
  end
end
if over() then return {'full', unpack(redis.call('LRANGE', RECENT, 0, -1))} end
redis.call('ZADD', PICTURES, now + retention, member)
redis.call('INCRBY', PICTURE_BYTES, size)
return {'put'}
