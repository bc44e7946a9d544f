package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"cloister/internal/config"
	"cloister/internal/daemon"
)

const rootKeyUsage = `usage: cloister root-key VERB [-data DIR] [-root-key ROOT] [-to ROOT]

The daemon must not run. ROOT is a file or transit://HOST:PORT/MOUNT/KEY (docs/how-to/root-key.md).

  show       which root key seals the ledger's key
  recovery   print the ledger's key, for paper: it opens everything, without any root key
  rewrap     seal the ledger's key by the root key -to instead of -root-key
  restore    seal the ledger's key, whose recovery copy stands on standard input, by the root key -to
`

func rootKeyMain(args []string) int {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, rootKeyUsage)
		return 2
	}
	verb := args[0]
	from, to, err := config.RootKey(verb, args[1:], os.Stderr)
	if err != nil {
		return complain(err)
	}
	aimed := to.Data != ""
	ctx := context.Background()
	switch {
	case verb == "show" && !aimed:
		root, key, err := daemon.RootKey(ctx, from)
		if err != nil {
			return complain(err)
		}
		fmt.Printf("root key    %s\nledger key  %s\n", root, key)
	case verb == "recovery" && !aimed:
		text, err := daemon.Recovery(ctx, from)
		if err != nil {
			return complain(err)
		}
		fmt.Fprintln(os.Stderr, "Whoever has this and the data directory reads everything. Keep it on paper, apart from the data; it is never needed while the root key is there.")
		fmt.Println(text)
	case verb == "rewrap" && aimed, verb == "restore" && aimed:
		text := ""
		if verb == "restore" {
			b, err := io.ReadAll(io.LimitReader(os.Stdin, 4096))
			if err != nil {
				return complain(err)
			}
			if text = string(b); text == "" {
				return complain(fmt.Errorf("there is no recovery copy on standard input"))
			}
		}
		root, err := daemon.Rewrap(ctx, from, to, text)
		if err != nil {
			return complain(err)
		}
		fmt.Println("the ledger's key is sealed by the root key", root)
	default:
		fmt.Fprint(os.Stderr, rootKeyUsage)
		return 2
	}
	return 0
}
