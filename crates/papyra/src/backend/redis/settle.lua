-- The last command of a transaction whose plain commands add a batch (docs/decisions/0037): says that they did.
--
-- KEYS  state, mark, the streams of the lane
-- ARGV  what the first command left to say that it agreed, the writer's last number in the batch, the checksum of the last
--       line, seconds that the mark lives, the first and the last id, the latest timestamp; then for each stream that got
--       lines its digit and the id of its newest
local state, mark = KEYS[1], KEYS[2]
local known = redis.call('HMGET', state, 'turn', 'log', 'ahead')
if known[1] ~= ARGV[1] then return {'UNREADY'} end

local changes = {'last', ARGV[6], 'turn', ''}
for i = 8, #ARGV, 2 do
  local key = KEYS[tonumber(ARGV[i]) + 2]
  if named(redis.call('XINFO', 'STREAM', key), 'last-generated-id') ~= ARGV[i + 1] then return {'TORN'} end
  changes[#changes + 1] = key
  changes[#changes + 1] = ARGV[i + 1]
end
keep_ahead(changes, known[3], ARGV[7], (parts(ARGV[5])))
keep_mark(mark, tonumber(ARGV[2]), ARGV[3], ARGV[6], ARGV[4])
redis.call('HSET', state, unpack(changes))
return {'ADDED', ARGV[5], ARGV[6], known[2]}
