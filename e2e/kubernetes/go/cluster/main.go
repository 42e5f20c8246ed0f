// Command testcluster is every program of a one-node Kubernetes cluster in one binary, so that a
// single link step builds them all. The program is chosen like busybox does it: by the name the
// binary was called by (a link named kubectl), otherwise by the first argument.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// Each command installs its own signal handling; doing that here as well would panic.
var programs = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-proxy":              proxy.NewProxyCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
}

func main() {
	program := filepath.Base(os.Args[0])
	if _, known := programs[program]; !known && len(os.Args) > 1 {
		program = os.Args[1]
		os.Args = os.Args[1:]
	}
	if program == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	newCommand, known := programs[program]
	if !known {
		fmt.Fprintln(os.Stderr, "unknown program", program, "- known: etcd,", strings.Join(names(), ", "))
		os.Exit(2)
	}
	os.Exit(cli.Run(newCommand()))
}

func names() []string {
	var all []string
	for name := range programs {
		all = append(all, name)
	}
	return all
}
