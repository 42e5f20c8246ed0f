"""SET, GET and INCR through redis-py with nothing but host, port and password."""
import sys

import redis

host, port, password = sys.argv[1:4]
client = redis.Redis(host=host, port=int(port), password=password)
client.set("a", "1")
print(client.get("a"), client.incr("a"))
