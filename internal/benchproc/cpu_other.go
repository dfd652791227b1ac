//go:build !unix

package benchproc

import "time"

// cpu returns 0: this system does not say.
func cpu() time.Duration { return 0 }
