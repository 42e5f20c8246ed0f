// Command pause holds a pod's namespaces until it is told to end. Pods of the test cluster do not
// share a process namespace, so there are no children to reap.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}
