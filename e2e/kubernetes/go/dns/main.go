// Command testdns is CoreDNS with the plugins that the test cluster's Corefile names, and no way
// to forward a query: nothing that runs in the test cluster can ask a name server outside.
package main

import (
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"

	"github.com/coredns/coredns/coremain"
)

func main() { coremain.Run() }
