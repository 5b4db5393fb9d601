    AND IFNULL(x_Provider, '') IN UNNEST(@provider) -- with provider
    AND IFNULL(x_Provider, '') NOT IN UNNEST(@not_provider) -- with not_provider
    AND IFNULL(ServiceName, '') IN UNNEST(@service) -- with service
    AND IFNULL(ServiceName, '') NOT IN UNNEST(@not_service) -- with not_service
    AND IFNULL(x_Model, '') IN UNNEST(@model) -- with model
    AND IFNULL(x_Model, '') NOT IN UNNEST(@not_model) -- with not_model
    AND IFNULL(x_TokenType, '') IN UNNEST(@token_type) -- with token_type
    AND IFNULL(x_TokenType, '') NOT IN UNNEST(@not_token_type) -- with not_token_type
    AND IFNULL(SubAccountId, '') IN UNNEST(@sub_account) -- with sub_account
    AND IFNULL(SubAccountId, '') NOT IN UNNEST(@not_sub_account) -- with not_sub_account
    AND IFNULL(x_ApiKeyId, '') IN UNNEST(@api_key) -- with api_key
    AND IFNULL(x_ApiKeyId, '') NOT IN UNNEST(@not_api_key) -- with not_api_key
    AND IFNULL(RegionId, '') IN UNNEST(@region) -- with region
    AND IFNULL(RegionId, '') NOT IN UNNEST(@not_region) -- with not_region
    AND IFNULL(SkuId, '') IN UNNEST(@sku) -- with sku
    AND IFNULL(SkuId, '') NOT IN UNNEST(@not_sku) -- with not_sku
    AND IFNULL(JSON_VALUE(Tags, @tag_1_path), '') IN UNNEST(@tag_1) -- with tag_1
    AND IFNULL(JSON_VALUE(Tags, @tag_1_path), '') NOT IN UNNEST(@not_tag_1) -- with not_tag_1
    AND IFNULL(JSON_VALUE(Tags, @tag_2_path), '') IN UNNEST(@tag_2) -- with tag_2
    AND IFNULL(JSON_VALUE(Tags, @tag_2_path), '') NOT IN UNNEST(@not_tag_2) -- with not_tag_2
    AND IFNULL(JSON_VALUE(Tags, @tag_3_path), '') IN UNNEST(@tag_3) -- with tag_3
    AND IFNULL(JSON_VALUE(Tags, @tag_3_path), '') NOT IN UNNEST(@not_tag_3) -- with not_tag_3
