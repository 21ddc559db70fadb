package option

// CheckCommand is everything that is wrong with the arguments of one of berth's
// commands, which begin with its name, whatever host they are for. It knows `run`
// and `pod create`; other commands have nothing wrong.
func CheckCommand(args []string) error {
	switch {
	case len(args) > 0 && args[0] == "run":
		return CheckRun(args[1:])
	case len(args) > 1 && args[0] == "pod" && args[1] == "create":
		return CheckPodCreate(args[2:])
	}
	return nil
}
