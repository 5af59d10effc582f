-- Gives keys that were filled aside the names of a log, all at once, if nothing has any of these names.
--
-- KEYS  pairs: a key that was filled aside, the name that it gets; then the marks of writers
-- ARGV  how many pairs; then what each mark holds
local pairs_of = tonumber(ARGV[1])
for i = 2, 2 * pairs_of, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    return redis.error_reply('TAKEN ' .. KEYS[i])
  end
end
for i = 1, 2 * pairs_of, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('PERSIST', KEYS[i])
    redis.call('RENAME', KEYS[i], KEYS[i + 1])
  end
end
for i = 2, #ARGV do
  redis.call('SET', KEYS[2 * pairs_of + i - 1], ARGV[i])
end
return 1
