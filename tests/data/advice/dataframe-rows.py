#: speaks: iterrows, in the body
import pandas as pd
def work(df):
    total = 0
    for _, row in df.iterrows():
        total += row["a"]  # HOT

#: speaks: iterrows, in the header
import pandas as pd
def work(df):
    for _, row in df.iterrows():  # HOT
        print(row)

#: speaks: apply by row
import pandas as pd
def work(df):
    return df.apply(lambda row: row.a + row.b, axis=1)  # HOT

#: silent: no pandas
def work(table):
    for row in table.iterrows():  # HOT
        print(row)

#: silent: apply by column
import pandas as pd
def work(df):
    return df.apply(sum, axis=0)  # HOT
