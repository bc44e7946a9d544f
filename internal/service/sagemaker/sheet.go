// Package sagemaker is Amazon SageMaker's table of operations: processing jobs. None is built yet; each is authorised.
package sagemaker

import (
	"cloister/internal/api"
	"cloister/internal/api/ask"
)

// Principal is the service principal that assumes a job's role.
const Principal = "sagemaker.amazonaws.com"

// Rows is the service's table.
func Rows() []api.Operation { return sheet.Rest() }

// sheet: VolumeKmsKey and OutputKmsKey are the older names of the keys that end in Arn; policies hold both. The two switches
// are false unless they are set (a choice: the reference does not say whether they are absent then).
var sheet = &ask.Sheet{
	Service: "sagemaker", Principal: Principal, Roles: "RoleArn", Tags: "Tags", TagKeys: "TagKeys",
	Keys: map[string]string{
		"sagemaker:InstanceTypes":                   "ProcessingResources.ClusterConfig.InstanceType|ResourceConfig.InstanceType",
		"sagemaker:InterContainerTrafficEncryption": "NetworkConfig.EnableInterContainerTrafficEncryption|EnableInterContainerTrafficEncryption=false",
		"sagemaker:NetworkIsolation":                "NetworkConfig.EnableNetworkIsolation|EnableNetworkIsolation=false",
		"sagemaker:MaxRuntimeInSeconds":             "StoppingCondition.MaxRuntimeInSeconds",
		"sagemaker:OutputKmsKey":                    "ProcessingOutputConfig.KmsKeyId|OutputDataConfig.KmsKeyId#",
		"sagemaker:OutputKmsKeyArn":                 "ProcessingOutputConfig.KmsKeyId|OutputDataConfig.KmsKeyId#",
		"sagemaker:VolumeKmsKey":                    "ProcessingResources.ClusterConfig.VolumeKmsKeyId|ResourceConfig.VolumeKmsKeyId#",
		"sagemaker:VolumeKmsKeyArn":                 "ProcessingResources.ClusterConfig.VolumeKmsKeyId|ResourceConfig.VolumeKmsKeyId#",
		"sagemaker:VpcSecurityGroupIds":             "NetworkConfig.VpcConfig.SecurityGroupIds|VpcConfig.SecurityGroupIds",
		"sagemaker:VpcSubnets":                      "NetworkConfig.VpcConfig.Subnets|VpcConfig.Subnets",
	},
	Types: map[string]string{"training-job": "arn:${Partition}:sagemaker:${Region}:${Account}:training-job/${TrainingJobName}"},
	Operations: map[string]string{
		"AddTags":               "=ResourceArn",
		"CreateProcessingJob":   "processing-job=ProcessingJobName",
		"CreateTrainingJob":     "training-job=TrainingJobName",
		"DeleteProcessingJob":   "processing-job=ProcessingJobName",
		"DeleteTags":            "=ResourceArn",
		"DescribeProcessingJob": "processing-job=ProcessingJobName",
		"DescribeTrainingJob":   "training-job=TrainingJobName",
		"ListProcessingJobs":    "",
		"ListTags":              "=ResourceArn",
		"ListTrainingJobs":      "",
		"StopProcessingJob":     "processing-job=ProcessingJobName",
		"StopTrainingJob":       "training-job=TrainingJobName",
	},
}
