-- The first command of a transaction whose plain commands add a batch (docs/decisions/0037): looks whether they may, and if
-- they may not sees to it that they do nothing.
--
-- KEYS  state, mark, the streams of the lane
-- ARGV  the writer's number before the batch, the highest id that the caller knows to have been given, the first and the last
--       id that the lines are sent with, how many lines there are, which of the streams get some (a digit each), what the
--       last command knows by that this one agreed
local state, mark = KEYS[1], KEYS[2]
local used = {}
for digit in string.gmatch(ARGV[6], '%d') do used[#used + 1] = tonumber(digit) end

local function last_of(stream)
  local key = KEYS[stream + 2]
  if redis.call('TYPE', key).ok ~= 'stream' then return nil end
  return named(redis.call('XINFO', 'STREAM', key), 'last-generated-id')
end

-- Whether all is as it is again and again while one writer adds one batch after the other, and `append.lua` would give the
-- same ids. What is not has to go through that script, which knows what to do about it.
local function ready()
  local known = redis.call('HMGET', state, 'log', 'last', 'tick', 'room', unpack(KEYS, 3))
  local log, top, tick, room = known[1], known[2], tonumber(known[3]), tonumber(known[4] or 0)
  local seq = string.match(redis.call('GET', mark) or '', '^%d+')
  if not (log and top and tick) or seq ~= ARGV[1] or below(top, ARGV[2]) or tonumber(ARGV[5]) > room then return false end
  local first = rising(tick)
  first.above(top)
  for _, stream in ipairs(used) do
    local own, before = last_of(stream), known[stream + 4]
    if not own or before and below(own, before) then return false end
    first.above(own)
  end
  if first.id() ~= ARGV[3] then return false end
  redis.call('HSET', state, 'turn', ARGV[7])
  return true
end

local went_well, is_ready = pcall(ready)
if went_well and is_ready then return 'READY' end
local turn = redis.pcall('HGET', state, 'turn')
if type(turn) == 'string' and turn ~= '' then redis.pcall('HSET', state, 'turn', '') end
-- A stream takes no id that is not above its last one, and a stream that is not there is not created.
for _, stream in ipairs(used) do
  local there, own = pcall(last_of, stream)
  if there and own and below(own, ARGV[4]) then redis.pcall('XSETID', KEYS[stream + 2], ARGV[4]) end
end
return 'UNREADY'
