"""The scripts of the Redis store: each is one step, which no other call interrupts.

The members of a sorted set have 16 digits of time, 16 of arrival, the id, NUL, and the rest.
"""

FUNCTIONS = """
    local function id_of(row)
        return string.sub(row, 33, string.find(row, '\\0', 33, true) - 1)
    end
    local function trim(rows, ids, kept)
        for _, old in ipairs(redis.call('ZRANGE', rows, 0, -kept - 1)) do
            redis.call('ZREM', rows, old)
            redis.call('SREM', ids, id_of(old))
        end
    end
    local function next_arrival(counter)
        return string.format('%016.0f', redis.call('INCR', counter))
    end
"""
APPEND = f"""{FUNCTIONS}
    local stored, keep = 0, {{events = tonumber(ARGV[1]), dislikes = tonumber(ARGV[2])}}
    for i = 3, #ARGV, 4 do
        local at, time, id, item = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
        if redis.call('SADD', KEYS[at + 1], id) == 1 then
            redis.call('ZADD', KEYS[at], 0, time .. next_arrival(KEYS[1]) .. id .. '\\0' .. item)
            stored = stored + 1
        end
    end
    for at = 2, #KEYS, 2 do
        trim(KEYS[at], KEYS[at + 1], keep[string.match(KEYS[at], '^prismrec:(%a+):')])
    end
    return stored
"""
FORGET_EVENTS = f"""{FUNCTIONS}
    local asked, erased = {{}}, 0
    for _, id in ipairs(ARGV) do
        if redis.call('SREM', KEYS[3], id) == 1 then asked[id] = true end
    end
    for at = 1, 2 do
        for _, row in ipairs(redis.call('ZRANGE', KEYS[at], 0, -1)) do
            if asked[id_of(row)] then erased = erased + redis.call('ZREM', KEYS[at], row) end
        end
    end
    return erased
"""
FORGET = """
    local erased = redis.call('ZCARD', KEYS[1]) + redis.call('ZCARD', KEYS[2])
    redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
    return erased
"""
MERGE = f"""{FUNCTIONS}
    local moved = 0
    for at = 2, 3 do
        for _, row in ipairs(redis.call('ZRANGE', KEYS[at], 0, -1)) do
            if redis.call('SADD', KEYS[7], id_of(row)) == 1 then
                local time, rest = string.sub(row, 1, 16), string.sub(row, 33)
                redis.call('ZADD', KEYS[at + 3], 0, time .. next_arrival(KEYS[1]) .. rest)
                moved = moved + 1
            end
        end
    end
    for at = 2, 3 do
        trim(KEYS[at + 3], KEYS[7], ARGV[at - 1])
    end
    redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
    return moved
"""
