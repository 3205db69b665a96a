-- Check for an entry that another worker may claim, since its consumer has been idle for too long, or is gone.
-- ARGV: those of `look_arguments`
-- Returns 1 where there is one, else 0.
local idle, lapse, dead, streams = look_arguments(1)
for _, stream in ipairs(streams) do
  if #abandoned(stream, idle, lapse, dead) > 0 then return 1 end
end
return 0
