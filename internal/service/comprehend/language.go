package comprehend

import (
	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/job"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
)

func languageRows() []api.Rower {
	k := language
	spec := func(in *shape.StartDominantLanguageDetectionJobRequest) startSpec {
		return startSpec{in.InputDataConfig, in.OutputDataConfig, in.VpcConfig, in.DataAccessRoleArn, in.JobName, in.ClientRequestToken, in.Tags}
	}
	return []api.Rower{
		api.Op[shape.StartDominantLanguageDetectionJobRequest, shape.StartDominantLanguageDetectionJobResponse]{
			Name: "StartDominantLanguageDetectionJob", Honours: startHonours,
			Questions: ask.Ask[shape.StartDominantLanguageDetectionJobRequest](sheet, "StartDominantLanguageDetectionJob"),
			Act: func(c *api.Call, tx store.Tx, in *shape.StartDominantLanguageDetectionJobRequest) (*shape.StartDominantLanguageDetectionJobResponse, error) {
				j, err := k.start(c, tx, spec(in))
				if err != nil {
					return nil, err
				}
				// A repeated token answers the first job's state as it is now.
				return &shape.StartDominantLanguageDetectionJobResponse{JobId: &j.ID, JobArn: &j.ARN, JobStatus: status(j)}, nil
			},
		},
		api.Op[shape.DescribeDominantLanguageDetectionJobRequest, shape.DescribeDominantLanguageDetectionJobResponse]{
			Name: "DescribeDominantLanguageDetectionJob", Honours: []string{"JobId"},
			Questions: ask.Ask[shape.DescribeDominantLanguageDetectionJobRequest](sheet, "DescribeDominantLanguageDetectionJob"),
			View: func(c *api.Call, v store.View, in *shape.DescribeDominantLanguageDetectionJobRequest) (*shape.DescribeDominantLanguageDetectionJobResponse, error) {
				it, err := k.get(c, v, in.JobId)
				if err != nil {
					return nil, err
				}
				p := languageProperties(&it.Value)
				return &shape.DescribeDominantLanguageDetectionJobResponse{DominantLanguageDetectionJobProperties: &p}, nil
			},
		},
		api.Op[shape.ListDominantLanguageDetectionJobsRequest, shape.ListDominantLanguageDetectionJobsResponse]{
			Name:      "ListDominantLanguageDetectionJobs",
			Honours:   []string{"Filter.JobName", "Filter.JobStatus", "Filter.SubmitTimeBefore", "Filter.SubmitTimeAfter", "NextToken", "MaxResults"},
			Questions: ask.Ask[shape.ListDominantLanguageDetectionJobsRequest](sheet, "ListDominantLanguageDetectionJobs"),
			View: func(c *api.Call, v store.View, in *shape.ListDominantLanguageDetectionJobsRequest) (*shape.ListDominantLanguageDetectionJobsResponse, error) {
				var f filter
				if x := in.Filter; x != nil {
					f = filter{x.JobName, x.JobStatus, x.SubmitTimeBefore, x.SubmitTimeAfter}
				}
				js, next, err := k.list(c, v, f, in.NextToken, in.MaxResults)
				if err != nil {
					return nil, err
				}
				out := &shape.ListDominantLanguageDetectionJobsResponse{NextToken: next,
					DominantLanguageDetectionJobPropertiesList: []shape.DominantLanguageDetectionJobProperties{}}
				for i := range js {
					out.DominantLanguageDetectionJobPropertiesList = append(out.DominantLanguageDetectionJobPropertiesList, languageProperties(&js[i]))
				}
				return out, nil
			},
		},
		api.Op[shape.StopDominantLanguageDetectionJobRequest, shape.StopDominantLanguageDetectionJobResponse]{
			Name: "StopDominantLanguageDetectionJob", Honours: []string{"JobId"},
			Questions: ask.Ask[shape.StopDominantLanguageDetectionJobRequest](sheet, "StopDominantLanguageDetectionJob"),
			Act: func(c *api.Call, tx store.Tx, in *shape.StopDominantLanguageDetectionJobRequest) (*shape.StopDominantLanguageDetectionJobResponse, error) {
				j, err := k.stop(c, tx, in.JobId)
				if err != nil {
					return nil, err
				}
				return &shape.StopDominantLanguageDetectionJobResponse{JobId: &j.ID, JobStatus: status(j)}, nil
			},
		},
		api.Op[shape.ListTagsForResourceRequest, shape.ListTagsForResourceResponse]{
			Name: "ListTagsForResource", Honours: []string{"ResourceArn"},
			Questions: ask.Ask[shape.ListTagsForResourceRequest](sheet, "ListTagsForResource"),
			View: func(c *api.Call, v store.View, in *shape.ListTagsForResourceRequest) (*shape.ListTagsForResourceResponse, error) {
				if err := tagged(c, v, in.ResourceArn); err != nil {
					return nil, err
				}
				tags, err := v.Tags(*in.ResourceArn)
				return &shape.ListTagsForResourceResponse{ResourceArn: in.ResourceArn, Tags: shapeTags(tags)}, err
			},
		},
		api.Op[shape.TagResourceRequest, shape.TagResourceResponse]{
			Name: "TagResource", Honours: []string{"ResourceArn", "Tags.*"},
			Questions: ask.Ask[shape.TagResourceRequest](sheet, "TagResource"),
			Act: func(c *api.Call, tx store.Tx, in *shape.TagResourceRequest) (*shape.TagResourceResponse, error) {
				return &shape.TagResourceResponse{}, tag(c, tx, in.ResourceArn, in.Tags)
			},
		},
		api.Op[shape.UntagResourceRequest, shape.UntagResourceResponse]{
			Name: "UntagResource", Honours: []string{"ResourceArn", "TagKeys"},
			Questions: ask.Ask[shape.UntagResourceRequest](sheet, "UntagResource"),
			Act: func(c *api.Call, tx store.Tx, in *shape.UntagResourceRequest) (*shape.UntagResourceResponse, error) {
				if err := tagged(c, tx, in.ResourceArn); err != nil {
					return nil, err
				}
				c.Touch(*in.ResourceArn)
				return &shape.UntagResourceResponse{}, tx.RemoveTags(*in.ResourceArn, in.TagKeys)
			},
		},
	}
}

func status(j *job.Job) *string { s := string(j.State); return &s }

func languageProperties(j *job.Job) shape.DominantLanguageDetectionJobProperties {
	p := shape.DominantLanguageDetectionJobProperties{JobId: &j.ID, JobArn: &j.ARN, JobStatus: status(j), SubmitTime: &j.Submitted,
		InputDataConfig:   &shape.InputDataConfig{S3Uri: &j.Inputs[0].URI, InputFormat: &j.Inputs[0].Format},
		OutputDataConfig:  &shape.OutputDataConfig{S3Uri: &j.OutputObject},
		DataAccessRoleArn: &j.RoleARN}
	if j.Name != "" {
		p.JobName = &j.Name
	}
	if j.Message != "" {
		p.Message = &j.Message
	}
	if !j.Ended.IsZero() {
		p.EndTime = &j.Ended
	}
	if j.Network != nil {
		p.VpcConfig = &shape.VpcConfig{Subnets: j.Network.Subnets, SecurityGroupIds: j.Network.Groups}
	}
	return p
}
