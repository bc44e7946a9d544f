package comprehend

import (
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
)

// noFlywheels is told to who would make or name one. Training, versions and endpoints do what a flywheel would do by itself.
const noFlywheels = "There are no flywheels here, and no datasets of them: train versions of a model with CreateDocumentClassifier or CreateEntityRecognizer, and let an endpoint serve the best."

// flywheelRows: none can be made, so lists are empty and none can be found. What is named is not looked at.
func flywheelRows() []api.Rower {
	return []api.Rower{
		refusing[shape.CreateFlywheelRequest, shape.CreateFlywheelResponse]("CreateFlywheel", "FlywheelName", "ActiveModelArn", "DataAccessRoleArn", "TaskConfig.*", "ModelType", "DataLakeS3Uri", "DataSecurityConfig.*",
			"ClientRequestToken", "Tags.*"),
		refusing[shape.CreateDatasetRequest, shape.CreateDatasetResponse]("CreateDataset", "FlywheelArn", "DatasetName", "DatasetType", "Description", "InputDataConfig.*", "ClientRequestToken", "Tags.*"),
		missing[shape.DescribeFlywheelRequest, shape.DescribeFlywheelResponse]("DescribeFlywheel", "FlywheelArn"),
		missing[shape.DescribeDatasetRequest, shape.DescribeDatasetResponse]("DescribeDataset", "DatasetArn"),
		missing[shape.DescribeFlywheelIterationRequest, shape.DescribeFlywheelIterationResponse]("DescribeFlywheelIteration", "FlywheelArn", "FlywheelIterationId"),
		missing[shape.ListFlywheelIterationHistoryRequest, shape.ListFlywheelIterationHistoryResponse]("ListFlywheelIterationHistory", "FlywheelArn", "Filter.*", "NextToken", "MaxResults"),
		missing[shape.DeleteFlywheelRequest, shape.DeleteFlywheelResponse]("DeleteFlywheel", "FlywheelArn"),
		missing[shape.UpdateFlywheelRequest, shape.UpdateFlywheelResponse]("UpdateFlywheel", "FlywheelArn", "ActiveModelArn", "DataAccessRoleArn", "DataSecurityConfig.*"),
		missing[shape.StartFlywheelIterationRequest, shape.StartFlywheelIterationResponse]("StartFlywheelIteration", "FlywheelArn", "ClientRequestToken"),
		api.Op[shape.ListFlywheelsRequest, shape.ListFlywheelsResponse]{Name: "ListFlywheels", Honours: []string{"Filter.*", "NextToken", "MaxResults"},
			Questions: ask.Ask[shape.ListFlywheelsRequest](sheet, "ListFlywheels"),
			View: func(c *api.Call, _ store.View, in *shape.ListFlywheelsRequest) (*shape.ListFlywheelsResponse, error) {
				_, err := listed(c, in) // no token is of an empty list
				return &shape.ListFlywheelsResponse{FlywheelSummaryList: []shape.FlywheelSummary{}}, err
			}},
		api.Op[shape.ListDatasetsRequest, shape.ListDatasetsResponse]{Name: "ListDatasets", Honours: []string{"FlywheelArn", "Filter.*", "NextToken", "MaxResults"},
			Questions: ask.Ask[shape.ListDatasetsRequest](sheet, "ListDatasets"),
			View: func(c *api.Call, _ store.View, in *shape.ListDatasetsRequest) (*shape.ListDatasetsResponse, error) {
				if in.FlywheelArn != nil {
					return nil, noSuchFlywheel()
				}
				_, err := listed(c, in)
				return &shape.ListDatasetsResponse{DatasetPropertiesList: []shape.DatasetProperties{}}, err
			}},
	}
}

func noSuchFlywheel() error {
	return fault.New("ResourceNotFoundException", "RESOURCE_NOT_FOUND: Could not find specified resource. %s", noFlywheels)
}

// flywheel refuses the ARN of one where a model is wanted.
func flywheel(arn *string) error {
	if arn == nil {
		return nil
	}
	return fault.New("InvalidRequestException", "FlywheelArn is given, and there are no flywheels here: name the model itself.")
}

// refusing is the row of an operation that would make one.
func refusing[I, O any](name string, honours ...string) api.Rower {
	return acting[I, O](name, fault.New("InvalidRequestException", "%s", noFlywheels), honours)
}

// missing is the row of an operation about one.
func missing[I, O any](name string, honours ...string) api.Rower {
	return acting[I, O](name, noSuchFlywheel(), honours)
}

func acting[I, O any](name string, err error, honours []string) api.Rower {
	return api.Op[I, O]{Name: name, Honours: honours, Questions: ask.Ask[I](sheet, name), ReadOnly: strings.HasPrefix(name, "Describe") || strings.HasPrefix(name, "List"),
		Act: func(*api.Call, store.Tx, *I) (*O, error) { return nil, err }}
}
