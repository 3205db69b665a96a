-- Register a worker as live and ready for its tasks: it loads their models no longer.
-- ARGV: consumer, seconds for which this holds, tasks...
-- Returns the server's time: Unix seconds, as a string.
local now = seconds()
for i = 3, #ARGV do
  local key = WORKERS .. ARGV[i]
  redis.call('ZADD', key, now + tonumber(ARGV[2]), ARGV[1])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - RESTART)
  redis.call('HDEL', LOADING .. ARGV[i], ARGV[1])
  redis.call('EXPIRE', key, math.ceil(tonumber(ARGV[2])) + RESTART)
end
return string.format('%.6f', now)
