-- Currencies whose smallest unit is not a hundredth (ISO 4217:2015, table A.1); of every other it is.
CREATE OR REPLACE VIEW org_dataset.billed_currencies
OPTIONS(description = 'Smallest units of currencies without cents: see docs/focus.md')
AS
SELECT currency, NUMERIC '1' AS smallest_unit
FROM
  UNNEST([
    'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
  ]) AS currency
UNION ALL
SELECT currency, NUMERIC '0.001' AS smallest_unit
FROM UNNEST(['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND']) AS currency
UNION ALL
SELECT currency, NUMERIC '0.0001' AS smallest_unit
FROM UNNEST(['CLF', 'UYW']) AS currency;
