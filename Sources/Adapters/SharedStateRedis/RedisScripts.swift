import RedisDriver

/// One script for each decision. Each touches one key, so that it runs in a cluster; each takes the time from the
/// server. A script runs alone, so what it decides is decided for all.
///
/// Numbers that become text are formatted here: Lua writes large ones with an exponent.
enum RedisScripts {
    private static let now = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]

        """

    /// A hash of the tokens `n` there were at `at`. The clock may step back when another server takes over: then
    /// nothing is granted for as long as the bucket needs to fill, and not longer.
    static let takeTokens = RedisScript(
        now + """
            local rate, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
            local wanted, returned = tonumber(ARGV[3]), tonumber(ARGV[4])
            local state = redis.call('HMGET', KEYS[1], 'n', 'at')
            local tokens, at = tonumber(state[1]) or capacity, tonumber(state[2]) or now
            if at - now > capacity / rate * 1000000 then at = now end
            if now > at then
                tokens = tokens + (now - at) * rate / 1000000
                at = now
            end
            tokens = math.min(capacity, tokens + returned)
            local granted = math.min(wanted, math.floor(tokens))
            tokens = tokens - granted
            redis.call('HSET', KEYS[1], 'n', string.format('%.17g', tokens), 'at', string.format('%.0f', at))
            local full = math.ceil((capacity - tokens) / rate * 1000) + 1000
            redis.call('PEXPIRE', KEYS[1], string.format('%.0f', full))
            local wait = 0
            if tokens < 1 then wait = math.ceil((1 - tokens) / rate * 1000000) end
            return {granted, math.floor(tokens), wait}
            """)

    /// A hash of the holder `h` and, once it is settled, the reply `r` and when that was, `at`.
    static let claim = RedisScript(
        now + """
            local known = redis.call('HMGET', KEYS[1], 'h', 'r', 'at')
            if known[2] then return {2, known[2], now - tonumber(known[3])} end
            if known[1] and known[1] ~= ARGV[1] then return {1} end
            redis.call('HSET', KEYS[1], 'h', ARGV[1])
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            return {0}
            """)

    static let settle = RedisScript(
        now + """
            local known = redis.call('HMGET', KEYS[1], 'h', 'r')
            if known[2] or (known[1] and known[1] ~= ARGV[1]) then return 0 end
            redis.call('HSET', KEYS[1], 'h', ARGV[1], 'r', ARGV[3], 'at', string.format('%.0f', now))
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            return 1
            """)

    static let letGo = RedisScript(
        """
        local known = redis.call('HMGET', KEYS[1], 'h', 'r')
        if known[2] or known[1] ~= ARGV[1] then return 0 end
        return redis.call('DEL', KEYS[1])
        """)

    /// Keeps a set until its last member runs out, at least.
    private static let stay = """
        local function stay(lease)
            if redis.call('PTTL', KEYS[1]) < lease then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', lease)) end
        end

        """

    /// A sorted set of holders by when their permits run out.
    static let takePermit = RedisScript(
        now + stay + """
            local limit, lease = tonumber(ARGV[1]), tonumber(ARGV[3])
            redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
            if redis.call('ZCARD', KEYS[1]) >= limit and not redis.call('ZSCORE', KEYS[1], ARGV[2]) then return 0 end
            redis.call('ZADD', KEYS[1], string.format('%.0f', now + lease * 1000), ARGV[2])
            stay(lease)
            return 1
            """)

    static let returnPermit = RedisScript(
        now + """
            local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
            redis.call('ZREM', KEYS[1], ARGV[1])
            if score and tonumber(score) > now then return 1 end
            return 0
            """)

    static let renewPermits = RedisScript(
        now + stay + """
            local lease = tonumber(ARGV[1])
            local till = string.format('%.0f', now + lease * 1000)
            for place = 2, #ARGV do redis.call('ZADD', KEYS[1], till, ARGV[place]) end
            stay(lease)
            return 1
            """)

    /// A hash of names to `stamp:expires`.
    static let post = RedisScript(
        now + stay + """
            local lifetime, most = tonumber(ARGV[2]), tonumber(ARGV[3])
            local last, count, oldest, oldestName = 0, 0, math.huge, nil
            local all = redis.call('HGETALL', KEYS[1])
            for place = 1, #all, 2 do
                local stamp, expires = string.match(all[place + 1], '^(%d+):(%d+)$')
                stamp, expires = tonumber(stamp), tonumber(expires)
                if expires <= now then
                    redis.call('HDEL', KEYS[1], all[place])
                else
                    last = math.max(last, stamp)
                    if all[place] ~= ARGV[1] then
                        count = count + 1
                        if stamp < oldest then oldest, oldestName = stamp, all[place] end
                    end
                end
            end
            if count >= most then redis.call('HDEL', KEYS[1], oldestName) end
            local stamp = math.max(now, last + 1)
            redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:%.0f', stamp, now + lifetime * 1000))
            stay(lifetime)
            return 1
            """)

    static let read = RedisScript(
        now + """
            local all, found = redis.call('HGETALL', KEYS[1]), {}
            for place = 1, #all, 2 do
                local stamp, expires = string.match(all[place + 1], '^(%d+):(%d+)$')
                local left = tonumber(expires) - now
                if left > 0 then
                    found[#found + 1] = all[place]
                    found[#found + 1] = tonumber(stamp)
                    found[#found + 1] = left
                end
            end
            return found
            """)
}
