package rows

import (
	"cloister/internal/core/vpc"
	"cloister/internal/store"
)

// Exposures live in the partition, without account and region; the id is address:port.
var Exposures = store.Table[vpc.Exposure]{Kind: "exposure"}
