-- Announce no longer that a worker loads the models of its tasks.
-- ARGV: consumer, tasks...
-- Returns 1.
for i = 2, #ARGV do
  redis.call('HDEL', LOADING .. ARGV[i], ARGV[1])
end
return 1
