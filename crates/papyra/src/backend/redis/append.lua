-- Adds the lines of one batch of one writer to the streams of a lane, exactly once. All is checked before anything is
-- written: a script is not undone when it fails half-way.
--
-- KEYS  state, mark, the streams of the lane
-- ARGV  the writer's number before the batch, its last number in it, the checksum of the last line, seconds that the mark
--       lives (0: for ever), the highest id that the caller knows to have been given, the latest timestamp in the batch,
--       entries to keep per stream (0: all), a name for the log if it has none, 1 if the server may have begun a new life,
--       a digit for each line: which of the streams it goes to; then the lines
local state, mark = KEYS[1], KEYS[2]
local previous, last, known = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[5]

local fresh = true
for i = 3, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind == 'stream' then
    fresh = false
  elseif kind ~= 'none' then
    return redis.error_reply('WRONGTYPE the key ' .. KEYS[i] .. ' holds a ' .. kind .. ', not a stream')
  end
end

-- How far is this writer?
local marked = redis.call('GET', mark) or ''
local seq = tonumber(string.match(marked, '^%d+') or 0)
local known_of_log = redis.call('HMGET', state, 'log', 'last', 'ahead', 'tick', 'room', 'run', unpack(KEYS, 3))
local log, top, ahead = known_of_log[1] or '', known_of_log[2] or '0-0', known_of_log[3]
local tick, room, run = tonumber(known_of_log[4]), tonumber(known_of_log[5] or 0), known_of_log[6]
if last > previous and seq >= last then
  -- Written once more, so that whoever asks next whether replicas or the disk have it is not answered for nothing.
  redis.call('SET', mark, marked, 'KEEPTTL')
  return {'REPEATED', marked, top, log}
end
if seq ~= previous or below(top, known) then
  return {'ELSEWHERE', marked, top, log}
end

-- Only ids that were announced are given, and announced in this life of the server.
local now, places = ARGV[9] == '1' and life(), ARGV[10]
if #places > 0 and (not tick or #places > room or now and now ~= run) then
  return {'UNANNOUNCED', marked, top, log}
end

-- The first id: above every id that this lane has given, and above all in the streams that get something.
local used, reset = {}, {}
for i = 1, #KEYS - 2 do used[i] = string.find(places, i, 1, true) and true end
local start = rising(tick or 0)
start.above(top)
if next(used) and not (fresh and log == '') then
  for i in pairs(used) do
    local own = '0-0'
    if redis.call('EXISTS', KEYS[i + 2]) == 1 then
      own = named(redis.call('XINFO', 'STREAM', KEYS[i + 2]), 'last-generated-id')
    end
    start.above(own)
    local before = known_of_log[i + 6]
    if before and below(own, before) then reset[#reset + 1] = KEYS[i + 2] .. ' ' .. own .. ' ' .. before end
  end
end
local ms, n = start.ms, start.n
if ms >= LIMIT or n >= LIMIT then
  return redis.error_reply('EXHAUSTED the last id of the streams leaves no room: ' .. start.highest)
end

-- The rights to write beside the streams are tried before the streams: a batch without its mark could be doubled.
if marked == '' and last > previous then redis.call('SET', mark, '0 00000000 0-0', 'EX', 60) end
if log == '' then redis.call('HSET', state, 'last', top) end

local given, id = {}, top
local call, bound, prefix = redis.call, ARGV[7] ~= '0', string.format('%.0f-', ms)
-- Lua writes numbers with fourteen digits by itself, and quicker.
local plain, place = n + #places < 1e14, string.byte
for i = 1, #places do
  -- '1' is 49, and the first stream is the third key.
  local stream = place(places, i) - 48
  id = prefix .. (plain and n or string.format('%.0f', n))
  if bound then
    call('XADD', KEYS[stream + 2], 'MAXLEN', '~', ARGV[7], id, 'data', ARGV[i + 10])
  else
    call('XADD', KEYS[stream + 2], id, 'data', ARGV[i + 10])
  end
  given[stream] = id
  n = n + 1
end

local changes = {'last', id}
for stream, newest in pairs(given) do
  changes[#changes + 1] = KEYS[stream + 2]
  changes[#changes + 1] = newest
end
if log == '' then
  log = ARGV[8]
  changes[#changes + 1] = 'log'
  changes[#changes + 1] = log
  -- Only of a log that began empty we know by how much facts were ahead of its clock.
  if fresh then ahead = '0' end
end
keep_ahead(changes, ahead, ARGV[6], ms)
if last > previous then keep_mark(mark, last, ARGV[3], id, ARGV[4]) end
redis.call('HSET', state, unpack(changes))
return {'ADDED', start.id(), id, log, unpack(reset)}
