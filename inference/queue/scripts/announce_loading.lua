-- Announce that a worker loads the models of its tasks. While no worker is ready for a task, the deadlines of its waiting
-- jobs stand still.
-- ARGV: consumer, lease in seconds, now, state as JSON ('until' is added), tasks...
-- Returns 1.
local name, lease, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local state = cjson.decode(ARGV[4])
state['until'] = seconds() + lease
local announced = {}
for i = 5, #ARGV do
  local task = ARGV[i]
  redis.call('HSET', LOADING .. task, name, cjson.encode(state))
  redis.call('EXPIRE', LOADING .. task, math.ceil(lease) + 1)
  announced[task] = not ready(task)
end
local last = {}
for _, id in ipairs(redis.call('ZRANGE', OPEN, 0, -1)) do
  local stream, entry = unpack(redis.call('HMGET', JOB .. id, 'stream', 'entry'))
  local task = stream and string.match(stream, ':([^:]+):[^:]+$')
  if task and announced[task] then
    last[stream] = last[stream] or delivered(stream) or '0-0'
    if before(last[stream], entry) then hold_deadline(id, now, lease) end
  end
end
return 1
