package daemon

import (
	"slices"

	"cloister/internal/api"
	"cloister/internal/service/bedrock"
	"cloister/internal/service/cloister"
	"cloister/internal/service/cloudformation"
	"cloister/internal/service/cloudtrail"
	"cloister/internal/service/comprehend"
	"cloister/internal/service/ec2"
	"cloister/internal/service/iam"
	"cloister/internal/service/kms"
	"cloister/internal/service/logs"
	"cloister/internal/service/organization"
	"cloister/internal/service/s3"
	"cloister/internal/service/s3control"
	"cloister/internal/service/sagemaker"
	"cloister/internal/service/sts"
	"cloister/internal/service/tagging"
)

// rows is the whole table of operations.
func rows(networks *ec2.Service, who *iam.Service, objects *s3.Service, secrets *kms.Service, lines *logs.Service, trails *cloudtrail.Service, house *cloister.Service, minds comprehend.Engines) []api.Operation {
	return slices.Concat(
		networks.Rows(),
		who.Rows(),
		sts.New(sts.Config{Roles: who}).Rows(),
		objects.Operations(),
		s3control.Rows(objects),
		comprehend.Rows(minds, who),
		bedrock.Rows(),
		cloudformation.Rows(),
		tagging.Rows(),
		sagemaker.Rows(),
		secrets.Rows(),
		lines.Operations(),
		trails.Rows(),
		house.Rows(),
		organization.Rows(),
	)
}

// Rows is the table as a daemon serves it, for the tests of its laws. Its rows can be asked for their questions, not run.
func Rows() []api.Operation {
	who := iam.New(iam.Config{Partition: Partition})
	return rows(ec2.New(ec2.Config{}), who, s3.New(nil, who, nil, nil), kms.New(kms.Config{Principals: who}), logs.New(logs.Config{}), cloudtrail.New(cloudtrail.Config{}), cloister.New(cloister.Config{}), engines{})
}
