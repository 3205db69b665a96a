-- Read how far the workers have loaded a task's models.
-- ARGV: task
-- Returns {1 where a live worker is ready, else 0, states as JSON of the workers that load...}
local states = loading(ARGV[1])
return {ready(ARGV[1]) and 1 or 0, unpack(states)}
