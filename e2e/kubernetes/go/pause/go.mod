module miniredis.io/pause

go 1.24.0
