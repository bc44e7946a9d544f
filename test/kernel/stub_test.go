package kernel_test

func daemonMain()           {}
func alias(a string) string { return "" }
