//! Scripts: what must be looked at and changed in one step. `KEYS[1]` is the stream, `ARGV[1]` the group.

/// Deletes a group. `ARGV[2]` is `1` if that may lose what is pending. Gives 1 if there was one, and how many entries are
/// pending, as a negative number, if they forbid it.
pub(super) const DELETE: &str = r"
if ARGV[2] ~= '1' then
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
  if pending[1] > 0 then return -pending[1] end
end
return redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
";

/// Removes the consumer `ARGV[2]`. Gives 1 if there was one, and how many entries are pending with it, as a negative number,
/// if they forbid it.
pub(super) const REMOVE_CONSUMER: &str = r"
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local known = {}
  for at = 1, #consumer, 2 do known[consumer[at]] = consumer[at + 1] end
  if known['name'] == ARGV[2] then
    if known['pending'] > 0 then return -known['pending'] end
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
    return 1
  end
end
return 0
";

/// Begins the idle time anew of the entries `ARGV[3]` on, as far as they are pending with the consumer `ARGV[2]`, and gives
/// those that are. `JUSTID` leaves the count of deliveries alone.
pub(super) const HOLD: &str = r"
if redis.replicate_commands then redis.replicate_commands() end
local own = {}
for at = 3, #ARGV do
  if redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[at], ARGV[at], 1, ARGV[2])[1] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[at], 'JUSTID')
    own[#own + 1] = ARGV[at]
  end
end
return own
";

/// Copies the entries `ARGV[4]` on to the dead entries `KEYS[2]`, as far as they are pending with the consumer `ARGV[2]`, with
/// the reason `ARGV[3]`, and then acknowledges them. Gives how many were copied.
pub(super) const SET_ASIDE: &str = r"
if redis.replicate_commands then redis.replicate_commands() end
local copied = 0
for at = 4, #ARGV do
  local id = ARGV[at]
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if pending then
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    if entry then
      local fields = {'id', id, 'group', ARGV[1], 'consumer', ARGV[2], 'deliveries', pending[4], 'reason', ARGV[3]}
      for _, field in ipairs(entry[2]) do fields[#fields + 1] = field end
      redis.call('XADD', KEYS[2], '*', unpack(fields))
      copied = copied + 1
    end
    redis.call('XACK', KEYS[1], ARGV[1], id)
  end
end
return copied
";
